"""Post-hoc calibration on held-out data: temperature scaling (Guo et al. 2017), and precision by confidence."""

import logging
import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from seqlab.data.batch import Batch
from seqlab.data.columns import Columns
from seqlab.heads.parts.span_views import FoundSpans, count_labels
from seqlab.heads.parts.temperature import Temperature
from seqlab.metrics import precision_curves
from seqlab.model.labeler import Labeler

log = logging.getLogger(__name__)

LIMITS = (0.05, 20.0)
N_COARSE, N_FINE = 11, 9
"""Number of temperatures to try, evenly by logarithm: first between the limits, then around the best of those."""


@torch.no_grad()
def fit_temperatures(labeler: Labeler, batches: Iterable[Batch]) -> dict[str, float]:
    """Fit a temperature to each head that has one and whose targets are in `batches`, minimising the mean loss.

    Labels do not change, only their confidences. `batches` are read twice. Returns the temperatures by head. A temperature is
    1 without records; and also, with a warning, if the loss is lowest at the lower limit: then the records do not bound the
    confidence, as happens with a handful that are all predicted correctly. The upper limit means that a head is uninformative.
    """
    labeler.eval()
    modules = [(name, module) for name, head in labeler.heads.items() for module in head.modules()]
    found = {name: module for name, module in modules if isinstance(module, Temperature)}
    coarse = torch.linspace(math.log(LIMITS[0]), math.log(LIMITS[1]), N_COARSE, dtype=torch.float64)
    logs = dict.fromkeys(found, coarse)
    # Two grids rather than a search for each head: a grid takes one pass of the encoder, which all heads and temperatures
    # share.
    losses = _measured(labeler, batches, found, logs)
    logs = {name: _around(coarse, losses[name]) for name in found}
    losses = _measured(labeler, batches, found, logs)
    fitted = {}
    for name, temperature in found.items():
        fitted[name] = _fitted(logs[name], losses[name], path=f"heads.{name}")
        # In place, so that the buffer keeps its device and type.
        temperature.value.fill_(fitted[name])
    return fitted


@torch.no_grad()
def measure_precision(
    labeler: Labeler, batches: Iterable[Batch], *, columns: Mapping[str, Columns]
) -> dict[str, dict[str, Any]]:
    """Return the precision of each head's spans by confidence and type, as JSON.

    Heads without spans are omitted, and so are those without targets in `batches`. `columns` are those of each data set.
    """
    labeler.eval()
    views = {name: view for name, head in labeler.heads.items() if (view := head.spans) is not None}
    found: dict[str, dict[tuple[str, int], FoundSpans]] = {}
    for batch in (batch.to(_device(labeler)) for batch in batches if views):
        steps, places = labeler(batch), [(batch.data_set, row) for row in batch.rows.tolist()]
        for name, view in views.items():
            head = labeler.heads[name]
            if head.target in batch:
                spans = map(view.found, head.predict(steps, batch, use_confidences=True))
                found.setdefault(name, {}).update(zip(places, spans, strict=True))
    curves = {}
    for name, of_head in found.items():
        view = views[name]
        gold = {data_set: view.gold(columns[data_set]) for data_set in {data_set for data_set, _ in of_head}}
        pairs = [(own, spans) for (data_set, row), spans in of_head.items() if (own := gold[data_set][row]) is not None]
        judged = [
            (span.label, confidence, is_right)
            for own, spans in pairs
            for (span, confidence), is_right in zip(spans, view.judge(own, spans), strict=True)
            if is_right is not None
        ]
        by_type = precision_curves(judged, n_gold=count_labels(own for own, _ in pairs))
        curves[name] = {label: curve.content() for label, curve in by_type.items()}
    return curves


def _device(labeler: Labeler) -> torch.device:
    return next((parameter.device for parameter in labeler.parameters()), torch.device("cpu"))


def _measured(
    labeler: Labeler, batches: Iterable[Batch], found: Mapping[str, Temperature], logs: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the loss of each head at each of its log temperatures, summed over targets."""
    # In float64, because sums over many records must resolve small differences between temperatures.
    losses = {name: torch.zeros(len(values), dtype=torch.float64) for name, values in logs.items()}
    for batch in (batch.to(_device(labeler)) for batch in batches):
        steps = labeler(batch)
        for name, temperature in found.items():
            head = labeler.heads[name]
            if head.target in batch:
                weight = head.n_targets(steps, batch)
                for i, log_value in enumerate(logs[name].tolist()):
                    temperature.value.fill_(math.exp(log_value))
                    losses[name][i] += weight * head.loss(steps, batch).double().cpu()
    return losses


def _around(coarse: Tensor, losses: Tensor) -> Tensor:
    """Return log temperatures around the best of `coarse`, within its range."""
    best = int(losses.argmin())
    low, high = float(coarse[max(best - 1, 0)]), float(coarse[min(best + 1, len(coarse) - 1)])
    return torch.linspace(low, high, N_FINE, dtype=torch.float64)


def _fitted(logs: Tensor, losses: Tensor, *, path: str) -> float:
    """Return the temperature with the lowest loss, or 1 if that is the lower limit."""
    # Without targets all losses are zero.
    if not (losses.isfinite().all() and losses.any()):
        return 1.0
    best = int(losses.argmin())
    lowest = float(logs[best])
    if 0 < best < len(losses) - 1:  # the minimum of a parabola through the lowest loss and its neighbours
        below, at, above = losses[best - 1 : best + 2].tolist()
        curvature = below - 2 * at + above
        step = float(logs[1] - logs[0])
        lowest += 0.5 * step * (below - above) / curvature if curvature > 0 else 0.0
    if lowest > math.log(LIMITS[0]):
        return math.exp(lowest)
    log.warning("%s: too few validation records to calibrate its confidences, which stay as they are; add more", path)
    return 1.0
