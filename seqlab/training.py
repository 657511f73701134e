"""Running a config: read, fit, train, score, and leave a run folder behind."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from datasets import Dataset
from hydra.errors import HydraException
from lightning_fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from seqlab.automatic import settle_monitor, settle_scheme
from seqlab.calibration import fit_temperatures, measure_precision
from seqlab.config import build, compose, known_targets, plain
from seqlab.data.datamodule import LabelingData, read_splits
from seqlab.data.encoding import EncodedRecords
from seqlab.data.fields.registry import Fields
from seqlab.errors import ConfigError, DataError
from seqlab.labeler import MODEL_KEYS, Labeler, build_labeler
from seqlab.module import LabelerModule
from seqlab.overrides import check_together, explain
from seqlab.resuming import adopted, read_checkpoint
from seqlab.run_folder import RunFolder
from seqlab.settings import check_settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """What a training run left: its folder, the model in it, and its metrics by split."""

    folder: Path
    model: Path
    metrics: Mapping[str, Any]
    monitored: float | None
    """Best value of the monitored metric."""


def train(overrides: Sequence[str]) -> Run:
    """Train as `seqlab train` with these overrides would, in this process.

    Raises: SeqlabError for anything that the overrides or the data have wrong.
    """
    if isinstance(overrides, str):
        raise ConfigError(f"overrides is {overrides!r}; expected a list of them: [{overrides!r}]")
    check_together(overrides)
    try:
        return run(compose(overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise explain(error, overrides) from error


def untrained(overrides: Sequence[str]) -> Labeler:
    """Return the labeler that training would start from, its fields fitted on the training data."""
    check_together(overrides)
    try:
        return _start(compose(overrides), targets=known_targets())[0]
    except (HydraException, OmegaConfBaseException) as error:
        raise explain(error, overrides) from error


def run(config: DictConfig) -> Run:
    """Train, score and save as `config` says."""
    _silence_lightning()
    targets = known_targets()
    labeler, fields, splits = _start(config, targets=targets)
    encoded = {split: fields.encode(records) for split, records in splits.items()}
    _check_targets(labeler, encoded)
    settle_monitor(config, labeler)
    try:
        return _fit(config, labeler=labeler, fields=fields, encoded=encoded, targets=targets)
    except MisconfigurationException as error:
        raise ConfigError(f"trainer, callbacks or logger: {error}") from error


def _start(config: DictConfig, *, targets: frozenset[str]) -> tuple[Labeler, Fields, dict[str, Dataset]]:
    """Return the labeler with its fitted fields, and the splits; settles what `config` leaves to the training data."""
    settings: dict[str, Any] = plain(config)
    check_settings(settings)
    if settings["n_threads"]:
        torch.set_num_threads(settings["n_threads"])
    pl.seed_everything(settings["seed"], workers=True, verbose=False)
    splits = read_splits(settings["data"], targets=targets, seed=settings["seed"])
    settle_scheme(config, _split(splits, "train"))
    settings = plain(config)
    fields = Fields.from_config({key: settings[key] for key in MODEL_KEYS}, targets=targets)
    fields.fit(splits["train"])
    return build_labeler(settings, fields=fields, targets=targets), fields, splits


def _fit(
    config: DictConfig,
    *,
    labeler: Labeler,
    fields: Fields,
    encoded: Mapping[str, EncodedRecords],
    targets: frozenset[str],
) -> Run:
    """Train the labeler on its encoded records, and leave the run folder."""
    settings = plain(config)
    folder = RunFolder(Path(settings["paths"]["run_dir"]))
    folder.start(config)
    regularizers = build(settings["regularizers"], targets=targets, path="regularizers").values()
    for regularizer in regularizers:
        regularizer.attach(labeler)
    module = LabelerModule(
        labeler,
        splits=encoded,
        optimizer=build(settings["optimizer"], targets=targets, path="optimizer"),
        scheduler=build(settings["scheduler"], targets=targets, path="scheduler"),
        loss_weights=settings["loss_weights"],
        seed=settings["seed"],
        regularizers=list(regularizers),
        parameter_groups=settings["parameter_groups"],
    )
    data = LabelingData(
        encoded,
        max_tokens=settings["max_tokens"],
        max_eval_tokens=settings["max_eval_tokens"],
        seed=settings["seed"],
    )
    trainer = _trainer(settings, targets=targets)
    _log_start(encoded, labeler)
    if settings["train"]:
        checkpoint = settings["ckpt_path"] and adopted(Path(settings["ckpt_path"]), trainer=trainer, module=module)
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        if checkpoint and not module.epoch_tokens:
            log.warning("nothing was left to train: %s is of a run that had ended; raise trainer.max_epochs", checkpoint)
    elif not settings["ckpt_path"]:
        log.warning("train is false and ckpt_path is null: what is scored are weights that were never trained")
    metrics, precision = _evaluate(trainer, module, data, settings=settings, folder=folder)
    folder.save_metrics(metrics, trainer=trainer, monitor=settings["monitor"])
    model = folder.save_model(labeler, fields=fields, config=settings, metrics=metrics, precision=precision)
    return Run(folder.path, model, metrics, _monitored(trainer))


def _split(splits: Mapping[str, Any], name: str) -> Any:
    if name not in splits:
        raise ConfigError(f"data.splits.{name} is null; expected a file to learn from; set data.splits.{name}=…")
    return splits[name]


def _check_targets(labeler: Labeler, encoded: Mapping[str, Any]) -> None:
    for name, head in labeler.heads.items():
        if head.target.key not in encoded["train"].encoded:
            has = ", ".join(encoded["train"].columns.records.column_names)
            raise DataError(f"heads.{name} learns column {head.target.column!r}, but the training records have {has}")


def _trainer(settings: Mapping[str, Any], *, targets: frozenset[str]) -> pl.Trainer:
    callbacks = build(settings.get("callbacks") or {}, targets=targets, path="callbacks")
    loggers = build(settings.get("logger") or {}, targets=targets, path="logger")
    trainer: pl.Trainer = build(
        settings["trainer"],
        targets=targets,
        path="trainer",
        callbacks=list(callbacks.values()),
        logger=list(loggers.values()) or False,
        reload_dataloaders_every_n_epochs=1,
    )
    return trainer


def _evaluate(
    trainer: pl.Trainer,
    module: LabelerModule,
    data: LabelingData,
    *,
    settings: Mapping[str, Any],
    folder: RunFolder,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the nested scores of the best checkpoint on `val` and `test`, and how precise it is at which confidence.

    Its weights stay in the module.
    """
    if not settings["train"] and settings["ckpt_path"]:
        read_checkpoint(Path(settings["ckpt_path"]), module=module)
    best = _best_checkpoint(trainer) if settings["train"] else settings["ckpt_path"]
    metrics: dict[str, Any] = {}
    precision: dict[str, Any] = {}
    if "val" in module.splits:
        trainer.validate(module, datamodule=data, ckpt_path=best, verbose=False, weights_only=True)
        metrics["val"] = module.scores
        best = None
        if settings["calibrate"]:
            fit_temperatures(module.labeler, data.val_dataloader())
            precision = measure_precision(module.labeler, data.val_dataloader(), columns=module.splits["val"].columns)
    if settings["test"] and "test" in module.splits:
        trainer.test(module, datamodule=data, ckpt_path=best, verbose=False, weights_only=True)
        metrics["test"] = module.scores
        folder.save_predictions("test", module.predictions, columns=module.splits["test"].columns)
    return metrics, precision


def _best_checkpoint(trainer: pl.Trainer) -> str | None:
    callback = trainer.checkpoint_callback
    return getattr(callback, "best_model_path", None) or None


def _monitored(trainer: pl.Trainer) -> float | None:
    score = getattr(trainer.checkpoint_callback, "best_model_score", None)
    return float(score) if score is not None else None


def _log_start(encoded: Mapping[str, Any], labeler: Labeler) -> None:
    sizes = ", ".join(f"{s} {len(r):,} records / {int(r.lengths.sum()):,} steps" for s, r in encoded.items())
    n_parameters = sum(p.numel() for p in labeler.parameters())
    log.info("%s; %s trainable parameters", sizes, f"{n_parameters:,}")


def _silence_lightning() -> None:
    """Leave out what Lightning says that a user of seqlab can do nothing about."""
    for message in (
        r".*isinstance\(treespec, LeafSpec\).*",  # torch's deprecation, met inside Lightning
        r".*does not have many workers.*",  # records are encoded in memory; workers would only copy them
        r".*exists and is not empty.*",  # the checkpoint folder of a resumed run
        r".*The dirpath has changed.*",  # a run resumed into a folder of its own
        r".*configure_optimizers` returned `None`.*",  # a model that is counted, not optimised
        r".*`training_step` returned `None`.*",
    ):
        warnings.filterwarnings("ignore", message=message)
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
