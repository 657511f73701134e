"""The most probable label sequences of CTC: prefix beam search (Hannun et al. 2014, "First-pass large vocabulary …", alg. 1).

A prefix has two sums, over its alignments that end in a blank (b) and in its last label (l). At a step with log-probabilities
p, and with every sum in logs,

    b'(prefix) = (b + l)(prefix) p(blank)                     l'(prefix) = l(prefix) p(last label)
    l'(prefix + label) += (b + l)(prefix) p(label)            of b alone where `label` is the last label

After each step the best prefixes are kept. With all of them kept, the sums are exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from seqlab.functional.alignment.prior import Prior

Logs = NDArray[np.float64]


class Hypothesis(NamedTuple):
    """One label sequence that a record may have."""

    labels: list[int]
    log_prob: float
    """Log of the sum over its alignments: all of those that a wide enough beam keeps."""
    score: float
    """What the search ranks by: `log_prob`, the weighted prior and the bonus of each label."""


def ctc_prefix_beam_search(
    log_probs: Float[Tensor, "batch time unit"],
    lengths: Int[Tensor, " batch"],
    *,
    blank: int,
    beam_width: int,
    prior: Prior | None = None,
    prior_weight: float = 1.0,
    insertion_bonus: float = 0.0,
) -> list[list[Hypothesis]]:
    """Return for each record at most `beam_width` label sequences, the best first; those of probability 0 are left out.

    A label sequence scores log P(labels | record) + prior_weight · log P(labels, end) + insertion_bonus · labels, all in
    nats; without a prior its weight is not read. Log-probabilities at or beyond a record's length are padding. Gives no
    gradient.

    Raises: ValueError for `beam_width` below 1.
    """
    if beam_width < 1:
        raise ValueError(f"beam_width is {beam_width}; expected at least 1")
    # A prior of weight 0 is dropped: asking it costs time, and 0 times -inf would be NaN.
    fusion = _Fusion(log_probs.shape[2], blank, prior if prior_weight else None, prior_weight, insertion_bonus)
    # NumPy on the CPU in float64: the tensors of a step are tiny, and their sums run over many steps.
    records = zip(log_probs.detach().double().cpu().numpy(), lengths.tolist(), strict=True)
    return [_searched(record[:length], blank, beam_width, fusion) for record, length in records]


@dataclass(frozen=True)
class _Fusion:
    """What is added to the log probability of a prefix for the labels that it is made of."""

    n_units: int
    blank: int
    prior: Prior | None
    weight: float
    bonus: float

    def growth(self, prefix: tuple[int, ...]) -> Logs:
        """Return what each unit adds if it comes next."""
        growth = np.full(self.n_units, self.bonus)
        if self.prior is not None:
            labels = [unit for unit in range(self.n_units) if unit != self.blank]
            growth[labels] += [self.weight * self.prior.log_prob(prefix, label) for label in labels]
        return growth

    def end(self, prefix: tuple[int, ...]) -> float:
        """Return what the end adds."""
        return 0.0 if self.prior is None else self.weight * self.prior.log_prob_end(prefix)


class _Beam(NamedTuple):
    prefixes: list[tuple[int, ...]]
    log_blank: Logs
    """b"""
    log_label: Logs
    """l"""
    added: Logs
    """What labels add to the score of each prefix."""
    growth: list[Logs]
    """What each unit adds if it comes next."""

    def hypotheses(self, fusion: _Fusion) -> list[Hypothesis]:
        """Return the prefixes as complete label sequences, the best first."""
        log_probs = np.logaddexp(self.log_blank, self.log_label)
        scores = log_probs + self.added + np.array([fusion.end(prefix) for prefix in self.prefixes])
        # A stable sort: of equal hypotheses the one found first stays first, on every platform.
        order = [rank for rank in np.argsort(-scores, kind="stable") if scores[rank] > -np.inf]
        return [Hypothesis(list(self.prefixes[rank]), float(log_probs[rank]), float(scores[rank])) for rank in order]


def _searched(log_probs: Logs, blank: int, width: int, fusion: _Fusion) -> list[Hypothesis]:
    """Return the hypotheses of one record without padding."""
    beam = _Beam([()], np.zeros(1), np.full(1, -np.inf), np.zeros(1), [fusion.growth(())])
    for step in log_probs:
        beam = _advanced(beam, step, blank, width, fusion)
    return beam.hypotheses(fusion)


def _advanced(beam: _Beam, step: Logs, blank: int, width: int, fusion: _Fusion) -> _Beam:
    """Return the best prefixes after one step more."""
    n_prefixes, n_units = len(beam.prefixes), len(step)
    # Every prefix had probability 0 at an earlier step.
    if not n_prefixes:
        return beam
    # The empty prefix has no last label; with the blank in its place its l stays -inf.
    last = np.array([prefix[-1] if prefix else blank for prefix in beam.prefixes])
    either = np.logaddexp(beam.log_blank, beam.log_label)
    log_blank, log_label = either + step[blank], beam.log_label + step[last]
    grown = either[:, None] + step
    # A label can be repeated only after a blank, else the two merge into one.
    grown[np.arange(n_prefixes), last] = beam.log_blank + step[last]
    # The blank extends no prefix; `log_blank` counts it.
    grown[:, blank] = -np.inf
    _merge(beam.prefixes, grown, log_label)

    added = np.concatenate([beam.added, (beam.added[:, None] + beam.growth).ravel()])
    log_blank = np.concatenate([log_blank, np.full(grown.size, -np.inf)])
    log_label = np.concatenate([log_label, grown.ravel()])
    kept = _best(np.logaddexp(log_blank, log_label) + added, width)
    prefixes, growth = [], []
    for place in kept:
        # Places below n_prefixes keep a prefix; those above are its extensions, a row of units for each.
        source, unit = divmod(int(place) - n_prefixes, n_units)
        prefixes.append(beam.prefixes[place] if place < n_prefixes else (*beam.prefixes[source], unit))
        growth.append(beam.growth[place] if place < n_prefixes else fusion.growth(prefixes[-1]))
    return _Beam(prefixes, log_blank[kept], log_label[kept], added[kept], growth)


def _merge(prefixes: Sequence[tuple[int, ...]], grown: Logs, log_label: Logs) -> None:
    """Add to each prefix what its own prefix, grown by its last label, brings, and take it away there."""
    places = {prefix: place for place, prefix in enumerate(prefixes)}
    for place, prefix in enumerate(prefixes):
        source = places.get(prefix[:-1]) if prefix else None
        if source is not None:
            log_label[place] = np.logaddexp(log_label[place], grown[source, prefix[-1]])
            grown[source, prefix[-1]] = -np.inf


def _best(scores: Logs, width: int) -> NDArray[np.intp]:
    """Return the places of the best scores above -inf, the best first."""
    # A partition first: sorting all extensions of a wide beam would take most of the time.
    places = np.argpartition(-scores, width)[:width] if len(scores) > width else np.arange(len(scores))
    places = places[scores[places] > -np.inf]
    return places[np.argsort(-scores[places], kind="stable")]
