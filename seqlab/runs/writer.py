"""Write the folder of a run: config, environment, metrics, predictions, model."""

import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import datasets
import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.utilities import rank_zero_only

from seqlab import __version__
from seqlab.data.atomic_write import to_json, write_json
from seqlab.data.columns import Columns
from seqlab.data.fields.registry import Fields
from seqlab.functional.native import describe_compiler, describe_kernels
from seqlab.model.bundle import save_bundle
from seqlab.model.labeler import Labeler
from seqlab.model.model_card import model_card
from seqlab.runs.lock import Lock
from seqlab.types import Prediction

PACKAGES = ("torch", "pytorch-lightning", "hydra-core", "datasets", "numpy", "safetensors")


class RunFolder:
    """Writes the files of a run below `path`; of several processes that train together, only the first does.

    Args:
        path: The run folder; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def _environment(self) -> dict[str, Any]:
        return environment()

    @rank_zero_only
    def start(self, config: DictConfig) -> None:
        """Write the resolved config and the environment, before anything can fail."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / "config.yaml").write_text(OmegaConf.to_yaml(config, resolve=True), encoding="utf-8")
        write_json(self.path / "environment.json", self._environment)

    @rank_zero_only
    def save_lock(
        self, settings: Mapping[str, Any], sets: Mapping[str, Mapping[str, datasets.Dataset]], *, allow: Sequence[str]
    ) -> None:
        """Write `lock.json`. Hashing reads all data, so one process does it."""
        Lock.of(settings, sets, allow=allow).write(self.path)

    @rank_zero_only
    def save_metrics(self, metrics: Mapping[str, Any], *, trainer: pl.Trainer, monitor: str) -> None:
        """Write `metrics.json`: the scores by split, the best value of the monitored metric, and the number of epochs.

        It is the last file of a run and written in one step: a folder that has it is that of a finished run. Which kernels ran
        is known only now, so `environment.json` gets them here.
        """
        write_json(self.path / "environment.json", {**self._environment, "kernels": describe_kernels()})
        # Without checkpoints there is no best model.
        best = getattr(trainer.checkpoint_callback, "best_model_score", None)
        training = {
            "monitor": monitor,
            "best": float(best) if best is not None else None,
            "epochs": trainer.current_epoch,
            "steps": trainer.global_step,
        }
        write_json(self.path / "metrics.json", {**metrics, "training": training})

    @rank_zero_only
    def save_predictions(
        self,
        split: str,
        predictions: Mapping[str, list[Prediction]],
        *,
        gold: Mapping[str, Sequence[Any]],
        columns: Columns,
        rows: Sequence[int],
        data_set: str = "",
    ) -> None:
        """Write a JSON line for each record in `rows`: its id, tokens, and gold and predictions by head.

        `gold` has an item for each of `columns`, as `Head.gold` returns it; heads without gold are omitted. A named `data_set`
        has a folder of its own.
        """
        folder = self.path / "predictions" / data_set
        folder.mkdir(parents=True, exist_ok=True)
        tokens = columns.lists("tokens") if "tokens" in columns else [None] * len(columns)
        ids = columns.lists("id") if "id" in columns else list(range(len(columns)))
        with (folder / f"{split}.jsonl").open("w", encoding="utf-8") as file:
            for i, row in enumerate(rows):
                heads = {name: _content(of_head[i]) for name, of_head in predictions.items()}
                right = {name: of_head[row] for name, of_head in gold.items()}
                content = {"id": ids[row], "tokens": tokens[row], "gold": right, "predictions": heads}
                file.write(to_json(content) + "\n")

    @property
    def model(self) -> Path:
        """Folder of the bundle."""
        return self.path / "model"


@rank_zero_only
def save_model(
    folder: Path,
    labeler: Labeler,
    *,
    fields: Fields,
    config: Mapping[str, Any],
    metrics: Mapping[str, Any],
    precision: Mapping[str, Any],
) -> None:
    """Write the bundle of a run with its model card; `precision` is that of spans by head, type and confidence."""
    facts = {"seed": config["seed"], "task": config["task_name"], "metrics": metrics, "data": config["data"]}
    facts |= {"fold": config["fold"], "precision": precision}
    card = model_card(labeler, config=config, metrics=metrics)
    save_bundle(folder, labeler=labeler, fields=fields, config=config, facts=facts, card=card)


def environment() -> dict[str, Any]:
    """Return versions, threads, machine, C compiler, command and git state of this process."""
    return {
        "seqlab": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version(name) for name in PACKAGES},
        "cpu": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
        "n_threads": torch.get_num_threads(),
        "c_compiler": describe_compiler(),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "command": sys.argv,
        "git": _git_state(),
    }


def _content(prediction: Prediction) -> dict[str, Any]:
    content = {"labels": prediction.labels, "confidences": prediction.confidences}
    further = {"value": prediction.value, "bounds": prediction.bounds, "span_confidences": prediction.span_confidences}
    return content | {name: value for name, value in further.items() if value is not None}


def _git_state() -> dict[str, Any] | None:
    """Return the commit of the working directory, and whether it is clean; None outside a repository."""
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changes = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    # No git, no repository, or a repository without commits.
    except (OSError, subprocess.CalledProcessError):
        return None
    return {"commit": commit, "is_clean": not changes.strip()}
