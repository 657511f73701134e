"""What records that training did not learn from tell of confidences: temperatures (Guo et al. 2017), and precision at each."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from seqlab.data.columns import Columns
from seqlab.data.encoding import Batch
from seqlab.heads.spans import FoundSpans
from seqlab.heads.temperature import Temperature
from seqlab.labeler import Labeler, labels_of
from seqlab.metrics import precision_curves

LIMITS = (0.05, 20.0)
N_COARSE, N_FINE = 11, 9
"""Temperatures whose loss is measured, evenly by their logs: between the limits, then around the best of these."""


@torch.no_grad()
def fit_temperatures(labeler: Labeler, batches: Iterable[Batch]) -> dict[str, float]:
    """Set the temperature of every head that has one, and whose target the batches have, to that of the lowest mean loss.

    Labels do not change, only how sure they are. `batches` are gone through twice. Returns the temperatures by head: 1 where
    there is no record.
    """
    labeler.eval()
    modules = [(name, module) for name, head in labeler.heads.items() for module in head.modules()]
    found = {name: module for name, module in modules if isinstance(module, Temperature)}
    coarse = torch.linspace(math.log(LIMITS[0]), math.log(LIMITS[1]), N_COARSE)
    around = float(coarse[1] - coarse[0])
    logs = dict.fromkeys(found, coarse)
    losses = _measured(labeler, batches, found, logs)
    logs = {name: _best(coarse, losses[name]) + torch.linspace(-around, around, N_FINE) for name in found}
    losses = _measured(labeler, batches, found, logs)
    fitted = {}
    for name, temperature in found.items():
        is_measured = bool(losses[name].isfinite().all()) and bool(losses[name].any())
        fitted[name] = math.exp(_lowest(logs[name], losses[name])) if is_measured else 1.0
        temperature.value.fill_(fitted[name])
    return fitted


@torch.no_grad()
def measure_precision(
    labeler: Labeler, batches: Iterable[Batch], *, columns: Mapping[str, Columns]
) -> dict[str, dict[str, Any]]:
    """Return how precise the spans of each head are from each confidence on, by type, as JSON has it.

    Heads that find no spans, and those whose target no batch has, are not there. `columns` are those of each data set.
    """
    labeler.eval()
    views = {name: view for name, head in labeler.heads.items() if (view := head.spans) is not None}
    found: dict[str, dict[tuple[str, int], FoundSpans]] = {}
    for batch in (batch.to(_device(labeler)) for batch in batches if views):
        steps, places = labeler(batch), [(batch.data_set, row) for row in batch.rows.tolist()]
        for name, view in views.items():
            head = labeler.heads[name]
            if head.target in batch:
                spans = map(view.found, labels_of({name: head}, steps, batch, use_confidences=True)[name])
                found.setdefault(name, {}).update(zip(places, spans, strict=True))
    curves = {}
    for name, of_head in found.items():
        gold = {data_set: views[name].gold(columns[data_set]) for data_set in {data_set for data_set, _ in of_head}}
        pairs = [(own, spans) for (data_set, row), spans in of_head.items() if (own := gold[data_set][row]) is not None]
        by_type = precision_curves([own for own, _ in pairs], [spans for _, spans in pairs])
        curves[name] = {label: curve.content() for label, curve in by_type.items()}
    return curves


def _device(labeler: Labeler) -> torch.device:
    return next((parameter.device for parameter in labeler.parameters()), torch.device("cpu"))


def _measured(
    labeler: Labeler, batches: Iterable[Batch], found: Mapping[str, Temperature], logs: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the loss of each head, summed over steps, at each of its log temperatures."""
    losses = {name: torch.zeros(len(values), dtype=torch.float64) for name, values in logs.items()}
    for batch in (batch.to(_device(labeler)) for batch in batches):
        steps, weight = labeler(batch), int(batch.lengths.sum())
        for name, temperature in found.items():
            head = labeler.heads[name]
            if head.target in batch:
                for i, log_value in enumerate(logs[name].tolist()):
                    temperature.value.fill_(math.exp(log_value))
                    losses[name][i] += weight * head.loss(steps, batch).double().cpu()
    return losses


def _best(logs: Tensor, losses: Tensor) -> float:
    return float(logs[losses.argmin()])


def _lowest(logs: Tensor, losses: Tensor) -> float:
    """Return where a parabola through the lowest loss and its neighbours is lowest."""
    best = int(losses.argmin())
    if best in (0, len(losses) - 1):
        return float(logs[best])
    below, at, above = losses[best - 1 : best + 2].tolist()
    curvature = below - 2 * at + above
    step = float(logs[1] - logs[0])
    return float(logs[best]) + (0.5 * step * (below - above) / curvature if curvature > 0 else 0.0)
