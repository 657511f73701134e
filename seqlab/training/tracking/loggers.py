"""Log a run to each kind of tracker."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent
from typing import Any

import numpy as np
from pytorch_lightning.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from seqlab.config.tree import leaves
from seqlab.training.tracking.plots import draw

FILES = ("config.yaml", "environment.json", "lock.json", "metrics.json")
"""Files of a run folder that trackers store."""
_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true"}


def keep_to_itself() -> None:
    """Turn off the trackers' telemetry, unless the environment says otherwise."""
    for name, value in _QUIET.items():
        # `setdefault`, so that a user's own setting wins.
        os.environ.setdefault(name, value)


@contextmanager
def tracked(loggers: Sequence[Logger], settings: Mapping[str, Any], *, folder: Path, is_first: bool) -> Iterator[None]:
    """Log the resolved config before a run, and its files, pictures (if matplotlib is installed) and model after it.

    The CSV logger needs none of it, as its folder has everything. A failed run logs nothing more. Of several processes that
    train together, only the first (`is_first`) logs.
    """
    trackers = [logger for logger in loggers if not isinstance(logger, CSVLogger)]
    try:
        for logger in trackers:
            logger.log_hyperparams(
                {name: value if isinstance(value, bool | int | float | str) else str(value) for name, value in leaves(settings)}
            )
        yield
        pictures = draw(folder) if trackers and is_first else []
        for logger in trackers if is_first else []:
            for kind, give in _GIVERS.items():
                if isinstance(logger, kind):
                    give(logger, folder, pictures)
    finally:
        for logger in trackers:
            if isinstance(logger, WandbLogger):
                logger.experiment.finish()  # otherwise the next run in this process would continue this one


def _to_tensorboard(logger: TensorBoardLogger, folder: Path, pictures: Sequence[Path]) -> None:
    """Log texts and pictures; TensorBoard stores no files, so the model card stands for the model."""
    from PIL import Image  # TensorBoard requires it, seqlab does not

    for name in FILES:
        text = (folder / name).read_text(encoding="utf-8")
        logger.experiment.add_text(name, indent(text, " " * 4))  # a code block in Markdown
    card = (folder / "model" / "README.md").read_text(encoding="utf-8")
    logger.experiment.add_text("model", f"`{folder / 'model'}`\n\n{card}")
    for picture in pictures:
        with Image.open(picture) as image:
            logger.experiment.add_image(picture.stem, np.asarray(image.convert("RGB")), dataformats="HWC")
    logger.experiment.flush()


def _to_wandb(logger: WandbLogger, folder: Path, pictures: Sequence[Path]) -> None:
    import wandb

    experiment = logger.experiment
    for name in FILES:
        experiment.save(str(folder / name), base_path=str(folder), policy="now")
    for picture in pictures:
        experiment.log({picture.stem: wandb.Image(str(picture))})
    artifact = wandb.Artifact(f"model-{experiment.id}", type="model")
    artifact.add_dir(str(folder / "model"))
    experiment.log_artifact(artifact)


def _to_mlflow(logger: MLFlowLogger, folder: Path, pictures: Sequence[Path]) -> None:
    run_id, client = logger.run_id, logger.experiment
    for name in FILES:
        client.log_artifact(run_id, str(folder / name))
    for picture in pictures:
        client.log_artifact(run_id, str(picture), "plots")
    client.log_artifacts(run_id, str(folder / "model"), "model")


_GIVERS: dict[type[Logger], Callable[[Any, Path, Sequence[Path]], None]] = {
    TensorBoardLogger: _to_tensorboard,
    WandbLogger: _to_wandb,
    MLFlowLogger: _to_mlflow,
}
