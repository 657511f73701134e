"""The callback that reports each epoch to the study and stops the run if the pruner decides so."""

import copy
import itertools
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any, cast, final

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from seqlab.data.batch import Batch
from seqlab.model.labeler import labels_of
from seqlab.training.datamodule import evaluation_loader
from seqlab.training.module import MEAN_SCORE, LabelerModule
from seqlab.training.setup import check_metric, metric_names
from seqlab_sweep import trial as trials
from seqlab_sweep.searching import MONITOR
from seqlab_sweep.trial import Check, Checked, LiveTrial

LATENCY, N_PARAMETERS = "latency_ms", "n_parameters"
MEASURED = (LATENCY, N_PARAMETERS)
_N_TIMED = 100
"""Approximate number of records whose median latency is reported."""


@final
class Reporting(pl.Callback):
    """Connects a run to the trial of its process and reports `monitor` after every epoch with validation.

    Does nothing in a process that runs no trial.

    Args:
        monitor: Name of the metric to report, as logged.
        is_tested: Whether the run scores the test split, so that `test/…` metrics may be objectives.
    """

    def __init__(self, *, monitor: str, is_tested: bool) -> None:
        self.monitor = monitor
        self.is_tested = is_tested
        self._is_validated = False

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """End the run here if it is only a check.

        Raises:
            ConfigError: The run does not log one of the objectives.
            Checked: The run can start.
        """
        if isinstance(trials.current, Check):
            known = logged(cast(LabelerModule, pl_module), is_tested=self.is_tested)
            _check(trials.current, known, monitor=self.monitor)
            raise Checked(self.monitor)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._is_validated = not trainer.sanity_checking  # Lightning's check before training is no epoch
        if self._is_validated:
            _keep(trainer)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        _keep(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report the epoch.

        Raises: Pruned or Superseded to end the trial.
        """
        _keep(trainer)
        live, is_validated = trials.current, self._is_validated
        self._is_validated = False
        value = trainer.callback_metrics.get(self.monitor)
        if not isinstance(live, LiveTrial) or value is None or not (is_validated or self.monitor.startswith("train/")):
            return
        epoch = trainer.current_epoch + 1
        is_last = trainer.should_stop or epoch == trainer.max_epochs
        live.report(float(value), epoch=epoch, is_last=is_last)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure the model of a trial."""
        live = trials.current
        if isinstance(live, LiveTrial):
            measures: dict[str, Any] = {N_PARAMETERS: sum(p.numel() for p in pl_module.parameters() if p.requires_grad)}
            if LATENCY in live.metrics:
                measures[LATENCY] = latency_ms(cast(LabelerModule, pl_module))
            live.measure(**measures)


def latency_ms(module: LabelerModule) -> float:
    """Return the median time, in milliseconds, to label one validation record alone on one CPU thread."""
    labeler = copy.deepcopy(module.labeler).cpu().eval()  # a copy, so that training may continue on the GPU
    n_threads = torch.get_num_threads()
    # One thread, so that the figure does not depend on the number of cores.
    torch.set_num_threads(1)
    seconds = []
    try:
        with torch.inference_mode():
            for batch in _spread(evaluation_loader(module.splits["val"], max_tokens=1)):
                heads = {name: labeler.heads[name] for name in module.score_names[batch.data_set]}
                began = time.perf_counter()
                labels_of(heads, labeler(batch), batch, use_confidences=False)
                seconds.append(time.perf_counter() - began)
    finally:
        torch.set_num_threads(n_threads)
    return 1000 * statistics.median(seconds)


def _spread(loader: DataLoader[Batch]) -> Iterator[Batch]:
    """Yield about `_N_TIMED` batches at regular intervals, to cover all lengths: the loader sorts by length."""
    return itertools.islice(loader, 0, None, max(1, len(loader) // _N_TIMED))


def logged(module: LabelerModule, *, is_tested: bool) -> list[str]:
    """Return the names a run logs: the metrics of its splits that are scored, and its training loss."""
    named = {scored_as: head for own in module.score_names.values() for head, scored_as in own.items()}
    known = metric_names(module.labeler, named)
    if is_tested:
        known += [name.replace("val/", "test/", 1) for name in known if name.startswith("val/") and name != MEAN_SCORE]
    return [name for name in known if name.partition("/")[0] in {"train", *module.splits}]


def _check(check: Check, known: Sequence[str], *, monitor: str) -> None:
    for name in check.metrics:
        if name == MONITOR:
            check_metric(monitor, known, said="monitor")
        elif name not in MEASURED:
            check_metric(name, [*MEASURED, *known], said="an objective")


def _keep(trainer: pl.Trainer) -> None:
    """Store the latest logged values in the trial."""
    live = trials.current
    if isinstance(live, LiveTrial):
        live.logged |= {name: float(value) for name, value in trainer.callback_metrics.items()}
