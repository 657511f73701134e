"""Running a config: read data, fit fields, train, score, and write the run folder."""

import logging
import shlex
import signal
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning_fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig

from seqlab.config.build import build, known_targets
from seqlab.config.compose import compose, plain, raw
from seqlab.config.environment import check_environment, shareable
from seqlab.config.mistakes import explaining
from seqlab.config.overrides import Overrides
from seqlab.config.settings import check_shape
from seqlab.config.user_classes import admit, own_classes
from seqlab.data.multitask.joined import Split
from seqlab.errors import ConfigError, SeqlabError
from seqlab.model.labeler import Labeler
from seqlab.runs.repeated_run import REPEATS
from seqlab.runs.writer import RunFolder, save_model
from seqlab.training.calibration import fit_temperatures, measure_precision
from seqlab.training.checkpoints import CheckpointFiles, check_scored, resume_from
from seqlab.training.datamodule import LabelingData
from seqlab.training.module import LabelerModule
from seqlab.training.occupied import checkpoint_to_resume
from seqlab.training.parts import module_and_data, parts_of
from seqlab.training.preflight import check_memory, check_trainer, warn_of_unused
from seqlab.training.repeats import MONITORED, is_repeated, nested, repeat
from seqlab.training.setup import Start, prepare, settle_monitor
from seqlab.training.tracking import keep_to_itself, tracked

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """The result of a training run: its folder, the model in it, and its metrics by split."""

    folder: Path
    model: Path
    metrics: Mapping[str, Any]
    monitored: float | None
    """Best value of the monitored metric."""
    allow: Sequence[str] = ()
    """Classes of the user's own that the model needs: `seqlab.load(run.model, allow=run.allow)`."""
    repeats: Mapping[str, Any] | None = None
    """The content of `repeats.json` of a repeated run, whose `model` is that of the best repetition, and whose `metrics` and
    `monitored` are means; None for a single run."""


def train(overrides: Sequence[str]) -> Run:
    """Train as `seqlab train` does with these overrides, in this process.

    Raises: SeqlabError for any mistake in the overrides or the data.
    """
    typed = Overrides.parse(overrides)
    with explaining(overrides):
        return run(compose(typed.words), typed=typed)


def untrained(overrides: Sequence[str]) -> Labeler:
    """Return the labeler that training would start from, its fields fitted on the training data."""
    typed = Overrides.parse(overrides)
    with explaining(overrides):
        config = compose(typed.words)
        _check(config, typed)
        return prepare(config, targets=admit(config, typed)).labeler


def run(config: DictConfig, *, typed: Overrides) -> Run:
    """Train, score and save as `config` says, repeatedly if it says so.

    `typed` are the overrides of the user, which may name classes of the user's own.

    Raises: SeqlabError if all repetitions fail; if some do, the log and `Run.repeats` name them.
    """
    _check(config, typed)
    if is_repeated(config):
        return _repeated(config, typed=typed)
    # A single run there would mix its files with those of the repetitions.
    if (Path(config.paths.run_dir) / REPEATS).exists():
        raise ConfigError(f"{config.paths.run_dir} is the folder of a repeated run; choose another one (hydra.run.dir)")
    return run_once(config, typed=typed)


def _check(config: DictConfig, typed: Overrides) -> None:
    """Check the shape of a config and what it reads from the environment, before and after references are resolved."""
    check_shape(raw(config))
    check_environment(config, typed)
    check_shape(plain(config))


def _repeated(config: DictConfig, *, typed: Overrides) -> Run:
    folder = Path(config.paths.run_dir)
    try:
        repeats = repeat(config, typed=typed, run=run_once)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"to continue: seqlab resume {shlex.quote(str(folder))}") from None
    if repeats["best"] is None:
        errors = [one["error"] for one in repeats["repetitions"] if one["status"] == "failed"]
        n_left = len(repeats["repetitions"]) - len(errors)
        failed = f"{len(errors)} failed alike, and {n_left} were left out" if n_left else f"all {len(errors)} failed"
        raise SeqlabError(f"{errors[0]} ({failed}; see {folder}/*/error.txt)")
    means = {name: found["mean"] for name, found in repeats["metrics"].items()}
    monitored = means.pop(MONITORED, None)
    own = own_classes(plain(config), known_targets() | typed.targets)
    return Run(folder, folder / repeats["best"] / "model", nested(means), monitored, own, repeats)


def run_once(config: DictConfig, *, typed: Overrides, is_finish: bool = False) -> Run:
    """Train, score and save once; with `is_finish`, end an unfinished run with the best model that it has."""
    _silence_lightning()
    targets = admit(config, typed)
    checkpoint = checkpoint_to_resume(config)
    check_trainer(plain(config))
    start = prepare(config, targets=targets)
    encoded = start.encoded()
    warn_of_unused(plain(config), start.fields, words=typed.words)
    start.check_records(encoded, is_trained=config.train)
    settle_monitor(config, start.labeler, start.claims)
    _announce(encoded, start.labeler, n_bytes=check_memory(start.labeler, plain(config.optimizer)))
    try:
        with _how_to_continue(Path(config.paths.run_dir)):
            return _fit(config, start, encoded=encoded, targets=targets, checkpoint=checkpoint, is_finish=is_finish)
    except MisconfigurationException as error:
        raise ConfigError(f"trainer, callbacks or logger: {error}") from error


def _announce(encoded: Mapping[str, Split], labeler: Labeler, *, n_bytes: int) -> None:
    """Log the sizes of the data and of the model."""
    sizes = ", ".join(f"{split} {len(part):,} records / {part.n_steps:,} steps" for split, part in encoded.items())
    n_parameters = sum(p.numel() for p in labeler.parameters() if p.requires_grad)
    log.info("%s; %s trainable parameters, %.1f MiB with gradients and optimiser", sizes, f"{n_parameters:,}", n_bytes / 2**20)


def _fit(
    config: DictConfig,
    start: Start,
    *,
    encoded: Mapping[str, Split],
    targets: frozenset[str],
    checkpoint: Path | None,
    is_finish: bool,
) -> Run:
    """Train the labeler on its encoded records, and write the run folder."""
    settings, shared, labeler = plain(config), shareable(config), start.labeler
    folder = RunFolder(Path(settings["paths"]["run_dir"]))
    folder.start(config)
    # Before training, since the files may change meanwhile.
    folder.save_lock(settings, start.sets, allow=sorted(targets - known_targets()))
    module, data = module_and_data(settings, start, encoded, targets=targets)
    trainer = _trainer(settings, targets=targets, has_turns=len(start.sets) > 1)
    with tracked(trainer.loggers, shared, folder=folder.path, is_first=trainer.is_global_zero):
        if settings["train"]:
            _train(trainer, module, data, settings=settings, checkpoint=checkpoint, is_finish=is_finish)
        elif checkpoint is None:
            log.warning("train=false without ckpt_path: evaluating untrained weights")
        metrics, precision = _evaluate(trainer, module, data, settings=settings, folder=folder)
        save_model(folder.model, labeler, fields=start.fields, config=shared, metrics=metrics, precision=precision)
        folder.save_metrics(metrics, trainer=trainer, monitor=settings["monitor"])
    best = getattr(trainer.checkpoint_callback, "best_model_score", None)
    monitored = None if best is None else float(best)
    return Run(folder.path, folder.model, metrics, monitored, own_classes(settings, targets))


def _train(
    trainer: pl.Trainer,
    module: LabelerModule,
    data: LabelingData,
    *,
    settings: Mapping[str, Any],
    checkpoint: Path | None,
    is_finish: bool,
) -> None:
    if checkpoint is not None:
        resume_from(checkpoint, trainer=trainer, module=module, is_checked=settings["ckpt_check"], is_finish=is_finish)
    # weights_only=True keeps torch.load from unpickling code of a checkpoint that someone else made.
    trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    if checkpoint and not is_finish and not module.epoch_tokens:
        log.warning("%s is from a finished run; raise trainer.max_epochs to continue", checkpoint)


@contextmanager
def _how_to_continue(folder: Path) -> Iterator[None]:
    """Say how to go on with the run in `folder` when it is interrupted."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, RuntimeError) as error:
        if not isinstance(error, KeyboardInterrupt):
            # Lightning exits on an interrupt, or fails because it closes what it has not opened yet.
            if not isinstance(error.__context__, KeyboardInterrupt):
                raise
            signal.signal(signal.SIGINT, signal.default_int_handler)  # Lightning has made it ignored
        raise KeyboardInterrupt(f"to continue: seqlab resume {shlex.quote(str(folder))}") from None


def _trainer(settings: Mapping[str, Any], *, targets: frozenset[str], has_turns: bool) -> pl.Trainer:
    """Return the trainer; with data sets that take turns, ddp must accept heads without a gradient in some batches."""
    node = dict(settings["trainer"])
    if has_turns and node.get("strategy") == "ddp":
        node["strategy"] = "ddp_find_unused_parameters_true"
    keep_to_itself()
    callbacks = parts_of(settings, "callbacks", targets=targets, group="callbacks")
    loggers = parts_of(settings, "logger", targets=targets, group="logger")
    # Lightning would take the number of batches of the first epoch for all.
    more: dict[str, Any] = {"callbacks": callbacks, "logger": loggers or False, "reload_dataloaders_every_n_epochs": 1}
    trainer: pl.Trainer = build(node, targets=targets, path="trainer", **more)
    if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:  # not one that the user chose
        trainer.strategy.checkpoint_io = CheckpointFiles()
    return trainer


def _evaluate(
    trainer: pl.Trainer, module: LabelerModule, data: LabelingData, *, settings: Mapping[str, Any], folder: RunFolder
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the nested scores of the best checkpoint on `val` and `test`, and its precision by confidence.

    The module keeps the weights of that checkpoint.
    """
    if not settings["train"] and settings["ckpt_path"]:
        check_scored(Path(settings["ckpt_path"]), module=module, is_checked=settings["ckpt_check"])
    best = settings["ckpt_path"]
    if settings["train"]:
        best = getattr(trainer.checkpoint_callback, "best_model_path", None) or None
    metrics: dict[str, Any] = {}
    precision: dict[str, Any] = {}
    if "val" in module.splits:
        trainer.validate(module, datamodule=data, ckpt_path=best, verbose=False, weights_only=True)
        metrics["val"] = module.scores
        # The weights are loaded by now. Loading them again for `test` would undo the calibration.
        best = None
        if settings["calibrate"]:
            fit_temperatures(module.labeler, data.val_dataloader())
            columns = {name: part.columns for name, part in module.splits["val"].parts.items()}
            precision = measure_precision(module.labeler, data.val_dataloader(), columns=columns)
    if settings["test"] and "test" in module.splits:
        trainer.test(module, datamodule=data, ckpt_path=best, verbose=False, weights_only=True)
        metrics["test"] = module.scores
        for data_set, part in module.splits["test"].parts.items():
            scored_as = module.score_names[data_set]
            heads = {name: module.labeler.heads[name] for name in scored_as}
            predictions = {name: list(head.written(module.predictions[scored_as[name]])) for name, head in heads.items()}
            known = {name: head for name, head in heads.items() if head.target.column in part.columns}
            gold = {name: head.written_gold(head.gold(part.columns)) for name, head in known.items()}
            rows = module.rows[data_set]
            folder.save_predictions("test", predictions, gold=gold, columns=part.columns, rows=rows, data_set=data_set)
    return metrics, precision


def _silence_lightning() -> None:
    """Silence warnings of Lightning that users of seqlab can do nothing about."""
    for message in (
        r".*isinstance\(treespec, LeafSpec\).*",  # torch's deprecation, met inside Lightning
        r".*does not have many workers.*",  # records are encoded in memory; workers would only copy them
        r".*sync_dist=True.*",  # each process scores all records, so they log the same
        r".*exists and is not empty.*",  # the checkpoint folder of a resumed run
        r".*The dirpath has changed.*",  # a run resumed into a folder of its own
        r".*configure_optimizers` returned `None`.*",  # a model that is counted, not optimised
        r".*`training_step` returned `None`.*",
        r".*module\(s\) in eval mode at the start of training.*",  # frozen parts, which stay in it
    ):
        warnings.filterwarnings("ignore", message=message)
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
