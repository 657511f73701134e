"""Sums and searches over alignments against every alignment written down."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqlab.functional.alignment import (
    Topology,
    best_alignment,
    ctc_topology,
    hmm_topology,
    label_spans,
    log_sum,
    min_steps,
    posteriors,
    unit_posteriors,
)

pytestmark = pytest.mark.usefixtures("lattice_code")

LABELS = (1, 2)
Alignment = tuple[int, ...]


@dataclass(frozen=True)
class Ctc:
    """Units 0 (blank), 1 and 2, which are the labels."""

    n_units = 3
    longest = 5

    def topology(self, labels: Tensor, n_labels: Tensor) -> Topology:
        return ctc_topology(labels, n_labels, blank=0)

    def alignments(self, labels: list[int], n_steps: int) -> Iterator[Alignment]:
        """Of all rows of units, those that spell the labels: equal neighbours joined, then blanks left out."""
        for units in itertools.product(range(self.n_units), repeat=n_steps):
            runs = [unit for unit, _ in itertools.groupby(units)]
            if [unit for unit in runs if unit] == labels:
                n_begun = list(
                    itertools.accumulate(
                        (unit > 0 and unit != before for before, unit in itertools.pairwise((0, *units))), initial=0
                    )
                )
                yield tuple(2 * n - (unit > 0) for n, unit in zip(n_begun[1:], units, strict=True))

    def unit(self, labels: list[int], state: int) -> int:
        return labels[state // 2] if state % 2 else 0

    def label(self, state: int) -> int:
        return state // 2 if state % 2 else -1


@dataclass(frozen=True)
class Hmm:
    """Each label a row of states; the silence is the last unit."""

    states_per_label: int
    can_skip: bool
    has_silence: bool
    longest = 7

    @property
    def n_units(self) -> int:
        return 3 * self.states_per_label + 1

    @property
    def width(self) -> int:
        return self.states_per_label + self.has_silence

    def topology(self, labels: Tensor, n_labels: Tensor) -> Topology:
        kinds = {"states_per_label": self.states_per_label, "can_skip": self.can_skip}
        return hmm_topology(labels, n_labels, silence=self.n_units - 1 if self.has_silence else None, **kinds)

    def alignments(self, labels: list[int], n_steps: int) -> Iterator[Alignment]:
        """Choose the states that are visited, then how many steps each of them takes."""
        places: list[list[Alignment]] = []
        for position in range(len(labels) + 1):
            first = position * self.width
            places.append([(), (first,)] if self.has_silence else [()])
            if position < len(labels):
                places.append([tuple(first + self.has_silence + k for k in visited) for visited in self.visits()])
        for choice in itertools.product(*places):
            visited = tuple(itertools.chain(*choice))
            if not visited:
                yield from [()] if n_steps == 0 else []
                continue
            for cuts in itertools.combinations(range(1, n_steps), len(visited) - 1):
                if n_steps:
                    sizes = [end - start for start, end in itertools.pairwise((0, *cuts, n_steps))]
                    yield tuple(state for state, size in zip(visited, sizes, strict=True) for _ in range(size))

    def visits(self) -> list[Alignment]:
        """Return which states of a label can be visited: first and last, and of neighbours at least one."""
        n_states = self.states_per_label
        chosen = itertools.chain(*(itertools.combinations(range(n_states), n) for n in range(1, n_states + 1)))
        full_or_bakis = (each for each in chosen if self.can_skip or len(each) == n_states)
        return [
            each
            for each in full_or_bakis
            if each[0] == 0 and each[-1] == n_states - 1 and all(b - a <= 2 for a, b in itertools.pairwise(each))
        ]

    def part(self, state: int) -> int:
        return state % self.width - self.has_silence

    def unit(self, labels: list[int], state: int) -> int:
        part = self.part(state)
        return self.n_units - 1 if part < 0 else labels[state // self.width] * self.states_per_label + part

    def label(self, state: int) -> int:
        return -1 if self.part(state) < 0 else state // self.width


@dataclass(frozen=True)
class Record:
    """Every alignment of one record with its score, and what follows from them by definition."""

    alignments: list[Alignment]
    scores: list[float]

    @property
    def log_sum(self) -> float:
        best = max(self.scores, default=-math.inf)
        return best if best == -math.inf else best + math.log(math.fsum(math.exp(score - best) for score in self.scores))

    def posteriors(self, n_steps: int, n_states: int) -> Tensor:
        probs = torch.zeros(n_steps, n_states, dtype=torch.float64)
        if self.log_sum > -math.inf:
            for states, score in zip(self.alignments, self.scores, strict=True):
                probs[range(len(states)), list(states)] += math.exp(score - self.log_sum)
        return probs


@dataclass(frozen=True)
class Case:
    """A batch, and its records written down."""

    scores: Tensor
    lengths: Tensor
    topology: Topology
    records: list[Record]

    @classmethod
    def draw(cls, kind: Ctc | Hmm, *, seed: int, n_steps: list[int], scale: float, forbidden_prob: float) -> "Case":
        generator = torch.Generator().manual_seed(seed)
        n_labels = torch.randint(0, 4, (len(n_steps),), generator=generator)
        labels = torch.randint(1, 3, (len(n_steps), 3), generator=generator)
        lengths = torch.tensor([min(each, kind.longest) for each in n_steps])
        shape = (len(n_steps), int(lengths.max()) + seed % 3, kind.n_units)
        scores = torch.randn(shape, dtype=torch.float64, generator=generator) * scale
        scores = scores.masked_fill(torch.rand(shape, generator=generator) < forbidden_prob, -math.inf)
        records = []
        for row, length, known in zip(scores.tolist(), lengths.tolist(), cls.unpadded(labels, n_labels), strict=True):
            alignments = list(kind.alignments(known, length))
            totals = [math.fsum(row[t][kind.unit(known, state)] for t, state in enumerate(each)) for each in alignments]
            records.append(Record(alignments, totals))
        padded = scores.masked_fill((torch.arange(shape[1]) >= lengths[:, None])[..., None], math.nan)
        is_label = torch.arange(3) < n_labels[:, None]
        return cls(padded, lengths, kind.topology(labels.masked_fill(~is_label, -100), n_labels), records)

    @staticmethod
    def unpadded(labels: Tensor, n_labels: Tensor) -> list[list[int]]:
        return [row[:n] for row, n in zip(labels.tolist(), n_labels.tolist(), strict=True)]

    @property
    def given(self) -> tuple[Tensor, Tensor, Topology]:
        return self.scores, self.lengths, self.topology


HMMS = st.builds(Hmm, states_per_label=st.integers(1, 4), can_skip=st.booleans(), has_silence=st.booleans())
CASES = {
    "kind": st.one_of(st.just(Ctc()), HMMS),
    "seed": st.integers(0, 2**31),
    "n_steps": st.lists(st.integers(0, 7), min_size=1, max_size=4),
    "scale": st.sampled_from([0.1, 1.0, 10.0, 300.0, 10_000.0]),
    "forbidden_prob": st.sampled_from([0.0, 0.0, 0.2]),
}
CLOSE = {"rtol": 1e-10, "atol": 1e-10}


def assert_sums_are_those_of_all_alignments(case: Case) -> None:
    sums = torch.tensor([record.log_sum for record in case.records], dtype=torch.float64)
    torch.testing.assert_close(log_sum(*case.given), sums, **CLOSE)
    n_steps, n_states = case.scores.shape[1], case.topology.units.shape[1]
    states = torch.stack([record.posteriors(n_steps, n_states) for record in case.records])
    torch.testing.assert_close(posteriors(*case.given), states, **CLOSE)
    units = torch.zeros(case.scores.shape, dtype=torch.float64)
    units.scatter_add_(2, case.topology.units[:, None].expand(-1, n_steps, -1), states)
    torch.testing.assert_close(unit_posteriors(*case.given), units, **CLOSE)

    weights = torch.arange(1.0, len(sums) + 1, dtype=torch.float64)
    scores = case.scores.clone().requires_grad_()
    values = log_sum(scores, *case.given[1:])
    torch.testing.assert_close(values.detach(), sums, **CLOSE)
    torch.testing.assert_close(torch.autograd.grad(values @ weights, scores)[0], units * weights[:, None, None], **CLOSE)


def assert_best_is_that_of_all_alignments(case: Case) -> None:
    scores, states = best_alignment(*case.given)
    assert states.shape == case.scores.shape[:2]
    for record, (score, path) in zip(case.records, zip(scores.tolist(), states.tolist(), strict=True), strict=True):
        best = max(record.scores, default=-math.inf)
        assert score == pytest.approx(best, rel=1e-12, abs=1e-10)
        found = tuple(state for state in path if state >= 0)
        if best == -math.inf:
            assert found == ()
        else:
            assert tuple(path[: len(found)]) == found
            assert record.scores[record.alignments.index(found)] == pytest.approx(best, rel=1e-12, abs=1e-10)


@settings(max_examples=60)
@given(**CASES)
def test_sums_posteriors_and_gradients_are_those_of_all_alignments(kind, **kinds) -> None:
    assert_sums_are_those_of_all_alignments(Case.draw(kind, **kinds))


@settings(max_examples=100)
@given(**CASES)
def test_the_best_alignment_is_the_best_of_all(kind, **kinds) -> None:
    assert_best_is_that_of_all_alignments(Case.draw(kind, **kinds))


@pytest.mark.slow
@settings(max_examples=2000)
@given(**CASES)
def test_2000_batches_are_those_of_all_alignments(kind, **kinds) -> None:
    case = Case.draw(kind, **kinds)
    assert_sums_are_those_of_all_alignments(case)
    assert_best_is_that_of_all_alignments(case)


@settings(max_examples=60)
@given(kind=CASES["kind"], seed=CASES["seed"], n_steps=CASES["n_steps"])
def test_of_equal_alignments_states_are_entered_early(kind, seed, n_steps) -> None:
    case = Case.draw(kind, seed=seed, n_steps=n_steps, scale=0.0, forbidden_prob=0.0)
    for record, path in zip(case.records, best_alignment(*case.given)[1].tolist(), strict=True):
        ordered = sorted(record.alignments, key=lambda states: (states[-1:], [-state for state in states[-2::-1]]))
        assert tuple(state for state in path if state >= 0) == next(iter(ordered), ())


@settings(max_examples=60)
@given(kind=CASES["kind"], seed=CASES["seed"])
def test_min_steps_is_the_shortest_alignment(kind, seed) -> None:
    case = Case.draw(kind, seed=seed, n_steps=[0, 0, 0], scale=1.0, forbidden_prob=0.0)
    generator = torch.Generator().manual_seed(seed)
    n_labels = torch.randint(0, 4, (3,), generator=generator)
    labels = torch.randint(1, 3, (3, 3), generator=generator)
    for fewest, known in zip(min_steps(case.topology).tolist(), Case.unpadded(labels, n_labels), strict=True):
        assert fewest == next(n for n in range(20) if any(True for _ in kind.alignments(known, n)))


@settings(max_examples=60)
@given(**CASES)
def test_spans_are_the_steps_of_each_label(kind, **kinds) -> None:
    case = Case.draw(kind, **kinds)
    states = best_alignment(*case.given)[1]
    spans = label_spans(states, case.topology)
    for path, found in zip(states.tolist(), spans.tolist(), strict=True):
        owners = [kind.label(state) if state >= 0 else -1 for state in path]
        for label, span in enumerate(found):
            steps = [t for t, owner in enumerate(owners) if owner == label]
            assert span == ([steps[0], steps[-1] + 1] if steps else [-1, -1])
        assert max(owners, default=-1) < len(found)


@pytest.mark.parametrize("kind", [Ctc(), Hmm(3, True, True), Hmm(2, False, False)], ids=["ctc", "bakis", "linear"])
def test_gradients_are_those_of_finite_differences(kind) -> None:
    topology = kind.topology(torch.tensor([[1, 2], [2, -1], [-1, -1]]), torch.tensor([2, 1, 0]))
    lengths = torch.tensor([5, 3, 0])
    scores = torch.randn(3, 5, kind.n_units, dtype=torch.float64, requires_grad=True)
    assert log_sum(scores, lengths, topology).isfinite().all()
    assert torch.autograd.gradcheck(lambda each: log_sum(each, lengths, topology), scores, fast_mode=True)


@settings(max_examples=40)
@given(**CASES | {"scale": st.sampled_from([0.1, 1.0, 10.0])})
def test_float32_is_summed_as_the_numbers_they_are(kind, **kinds) -> None:
    case = Case.draw(kind, **kinds)
    low = case.scores.float(), *case.given[1:]
    assert log_sum(*low).dtype == posteriors(*low).dtype == best_alignment(*low)[0].dtype == torch.float32
    exact = case.scores.float().double(), *case.given[1:]
    torch.testing.assert_close(log_sum(*low).double(), log_sum(*exact), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(log_sum(*low).double(), log_sum(*case.given), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(unit_posteriors(*low).double(), unit_posteriors(*case.given), rtol=1e-5, atol=1e-5)
