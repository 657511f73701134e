"""`HmmHybrid`, a layer on plain tensors, equals enumeration and the head."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from seqlab.errors import ConfigError
from seqlab.heads.layers import HmmHybrid

LENGTHS = torch.tensor([6, 3, 1, 0])
LABELS, N_LABELS = torch.tensor([[0, 0], [1, 7], [1, 7], [7, 7]]), torch.tensor([2, 1, 1, 0])
"""Labels 7 are padding; the label of the third record does not fit in its step."""
ALIGNED = (LABELS, LENGTHS, N_LABELS)


def layer_of(**options: Any) -> HmmHybrid:
    layer = HmmHybrid(2, **({"states_per_label": 3, "prior_scale": 0.7} | options))
    layer.set_prior(torch.arange(layer.n_units) + 1.0)
    return layer


def random_scores(layer: HmmHybrid) -> Tensor:
    return torch.randn(4, 6, layer.n_units, generator=torch.Generator().manual_seed(1)).requires_grad_()


def scaled(layer: HmmHybrid, scores: Tensor) -> list[list[list[float]]]:
    """Return the scores of alignments, by their definition; the largest prior is that of the last unit."""
    prior = (torch.arange(layer.n_units) + 2.0).log() - math.log(layer.n_units + 1)
    least = prior.min()
    found: list[list[list[float]]] = (scores.detach().log_softmax(2) - 0.7 * (prior - least)).tolist()
    return found


def units_of(layer: HmmHybrid, labels: list[int]) -> list[int]:
    """Return the units of the states of a label sequence, in order."""
    n, silence = layer.states.states_per_label, [layer.n_units - 1] * layer.states.has_silence
    return [*silence, *(unit for label in labels for unit in [*range(label * n, label * n + n), *silence])]


def alignments_of(layer: HmmHybrid, labels: list[int], n_steps: int) -> Iterator[tuple[int, ...]]:
    """Yield every alignment, as the places of its states in `units_of`."""
    units, n, pause = units_of(layer, labels), layer.states.states_per_label, layer.n_units - 1
    has_silence = layer.states.has_silence

    def is_optional(place: int) -> bool:
        is_silence = has_silence and units[place] == pause
        return is_silence or (layer.states.can_skip and 0 < units[place] % n < n - 1)

    def follows(before: int, after: int) -> bool:
        return after - before in (0, 1) or (after - before == 2 and is_optional(before + 1))

    def grown(path: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        last = len(units) - 1
        if len(path) == n_steps:
            if not path or path[-1] == last or (path[-1] == last - 1 and has_silence):
                yield path
            return
        for place in range(len(units)):
            if follows(path[-1], place) if path else place == 0 or (place == 1 and has_silence):
                yield from grown((*path, place))

    yield from grown(()) if n_steps or not labels else ()


@pytest.mark.parametrize("can_skip", [False, True])
@pytest.mark.parametrize("has_silence", [False, True])
def test_answers_equal_enumeration(can_skip: bool, has_silence: bool) -> None:
    layer = layer_of(can_skip=can_skip, has_silence=has_silence)
    scores = random_scores(layer)
    losses, marginals = layer.loss(scores, *ALIGNED, reduction="none"), layer.marginals(scores, *ALIGNED)
    spans, numbers = layer.align(scores, *ALIGNED), scaled(layer, scores)
    for record, (n_steps, n_labels) in enumerate(zip(LENGTHS.tolist(), N_LABELS.tolist(), strict=True)):
        labels = LABELS[record, :n_labels].tolist()
        units, n = units_of(layer, labels), layer.states.states_per_label
        paths = {
            path: math.exp(sum(numbers[record][t][units[place]] for t, place in enumerate(path)))
            for path in alignments_of(layer, labels, n_steps)
        }
        total = sum(paths.values())
        assert losses[record].item() == pytest.approx(-math.log(total) if total else math.inf, abs=1e-5)
        for step, unit in itertools.product(range(6), range(layer.n_units)):
            at_step = sum(prob for path, prob in paths.items() if step < n_steps and units[path[step]] == unit)
            assert marginals[record, step, unit].item() == pytest.approx(at_step / (total or 1), abs=1e-6)
        best = max(paths, key=lambda path: paths[path]) if paths else ()
        block = n + has_silence
        owners = [
            (place - has_silence) // block if not has_silence or units[place] != layer.n_units - 1 else None for place in best
        ]
        expected = [(owners.index(i), len(owners) - owners[::-1].index(i)) for i in range(n_labels)] if best else []
        assert spans[record] == expected


def test_decoding_is_the_best_sequence_of_units() -> None:
    layer = layer_of(states_per_label=2)  # units a0 a1 b0 b1 silence
    scores = torch.nn.functional.one_hot(torch.tensor([[4, 0, 1, 0, 0, 1, 2, 3, 4]]), 5) * 9.0
    assert layer.decode(scores) == [[0, 0, 1]]
    assert layer.decode(scores, torch.tensor([6])) == [[0, 0]]
    assert HmmHybrid(2, has_silence=False).decode(torch.zeros(1, 2, 6)) == [[]]


def test_labels_that_do_not_fit_have_no_gradient() -> None:
    layer = layer_of()
    scores = random_scores(layer)
    loss = layer.loss(scores, *ALIGNED, zero_infinity=True, reduction="label_mean")
    losses = layer.loss(scores, *ALIGNED, reduction="none")
    assert loss.item() == pytest.approx((losses[0] + losses[1] + losses[3]).item() / (3 + 2 + 2 + 1))
    (gradient,) = torch.autograd.grad(losses.sum(), scores)
    assert gradient.isfinite().all()
    assert gradient.flatten(1).any(1).tolist() == [True, True, False, False]


def test_priors_belong_to_the_state_of_the_layer() -> None:
    assert set(layer_of().state_dict()) == {"log_prior"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda layer: layer.decode(torch.zeros(1, 4, 6)),
            r"shape \(1, 4, 6\); expected \(batch, time, 7\), for 3 states of 2",
        ),
        (lambda layer: layer.loss(torch.zeros(1, 4, 7), torch.tensor([[2]])), "a label is 2; expected 0 to 1$"),
        (lambda layer: layer.set_prior(torch.ones(3)), r"counts are \[1.0, 1.0, 1.0\]; expected 7 finite numbers"),
        (lambda layer: layer.set_prior(torch.full((7,), -1.0)), "expected 7 finite numbers, at least 0"),
        (lambda layer: HmmHybrid(0), "n_labels is 0; expected at least 1"),
        (lambda layer: HmmHybrid(2, states_per_label=0), "states_per_label is 0; expected at least 1"),
        (lambda layer: HmmHybrid(2, prior_scale=-1.0), "prior_scale is -1.0; expected a number, at least 0"),
        (lambda layer: HmmHybrid(2, insertion_bonus=math.inf), "insertion_bonus is inf; expected a finite number"),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call(HmmHybrid(2))
