import itertools
from typing import Any

import pytest
import torch

from seqlab.data.batch import Batch
from seqlab.data.columns import string_records
from seqlab.data.fields import LabelSequenceField
from seqlab.errors import ConfigError
from seqlab.functional.alignment import LabelPrior
from seqlab.heads import CtcHead, HmmHybridHead
from seqlab.steps import Steps
from seqlab.testing.records import bare_batch, batch_of
from seqlab.types import Prediction

WIDTH = 4
COLUMNS = string_records({"labels": [["a", "b"], ["a", "a"], ["b"], []]})
LENGTHS = torch.tensor([3, 3, 1, 2])


def target() -> LabelSequenceField:
    field = LabelSequenceField(column="labels", alternatives=None)
    field.fit(COLUMNS)
    return field


def ctc(**options: Any) -> CtcHead:
    torch.manual_seed(0)
    defaults = {
        "upsampling": 1,
        "drop_prob": 0.0,
        "beam_width": 1,
        "insertion_bonus": 0.0,
        "prior_order": 0,
        "prior_weight": 1.0,
    }
    return CtcHead(target=target(), input_width=WIDTH, summary_width=1, **(defaults | options))


def hybrid(**options: Any) -> HmmHybridHead:
    torch.manual_seed(0)
    defaults = {"upsampling": 1, "drop_prob": 0.0, "states_per_label": 2, "can_skip": False, "has_silence": True}
    settings = defaults | {"training": "full_sum", "prior_scale": 0.0, "insertion_bonus": 0.0} | options
    return HmmHybridHead(target=target(), input_width=WIDTH, summary_width=1, **settings)


def some_steps() -> Steps:
    return Steps(torch.randn(4, 3, WIDTH, generator=torch.Generator().manual_seed(1)), LENGTHS)


def some_batch(head: CtcHead | HmmHybridHead, rows: list[int] | None = None) -> Batch:
    return batch_of([head.target], COLUMNS, rows=rows or [0, 1, 2, 3], lengths=LENGTHS.numpy())


def saying(head: CtcHead | HmmHybridHead, *units: int) -> Steps:
    """Return one record whose emissions say `units`, for a head whose projection is the identity."""
    n_units = head.n_units
    head.projection = torch.nn.Linear(n_units, n_units, bias=False)
    torch.nn.init.eye_(head.projection.weight)
    values = 9.0 * torch.nn.functional.one_hot(torch.tensor(units), n_units).float().unsqueeze(0)
    return Steps(values, torch.tensor([len(units)]))


def predicted(head: CtcHead | HmmHybridHead, steps: Steps) -> Prediction:
    return head.eval().predict(steps, bare_batch(steps), use_confidences=True)[0]


def test_ctc_loss_is_that_of_torch_a_label_and_an_end() -> None:
    head, steps = ctc(), some_steps()
    log_probs = head.projection(steps.values).log_softmax(2).transpose(0, 1)
    batch = some_batch(head)
    sequences: Any = batch.tensors(head.target)
    labels = torch.cat([row[:n] for row, n in zip(sequences.labels, sequences.n_labels, strict=True)])
    losses = torch.nn.functional.ctc_loss(log_probs, labels, LENGTHS, sequences.n_labels, blank=2, reduction="none")
    expected = losses.sum() / (3 + 3 + 2 + 1)
    assert head.loss(steps, batch).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("make", [ctc, hybrid])
def test_records_without_an_alignment_are_left_out(make: Any) -> None:
    head = make(**({"states_per_label": 1} if make is hybrid else {})).train()
    steps = Steps(some_steps().values, torch.tensor([1, 3, 1, 2]))  # no room for two labels in the first
    loss = head.loss(steps, some_batch(head))
    others = Steps(steps.values[1:], steps.lengths[1:])
    assert loss.item() == pytest.approx(head.loss(others, some_batch(head, [1, 2, 3])).item(), rel=1e-6)


def test_upsampling_gives_a_step_room_for_several_labels() -> None:
    head = ctc(upsampling=2)
    steps = Steps(some_steps().values[:1, :1], torch.tensor([1]))
    assert head.loss(steps, some_batch(head, [0])).item() > 0
    with pytest.raises(ConfigError, match="upsampling is 0; expected at least 1"):
        ctc(upsampling=0)


def test_ctc_prediction_says_where_each_label_stands() -> None:
    head = ctc()
    found = predicted(head, saying(head, 2, 0, 0, 2, 0, 1, 1, 2))
    assert found.labels == ["a", "a", "b"]
    assert found.bounds == [(1, 3), (4, 5), (5, 7)]
    assert min(found.confidences) > 0.99


def test_bounds_are_steps_whatever_the_upsampling() -> None:
    head = ctc(upsampling=2)
    steps = Steps(torch.randn(1, 2, WIDTH), torch.tensor([2]))
    believed = head.distribution(steps, bare_batch(steps))
    assert [believed._in_steps(*span) for span in ((0, 1), (0, 2), (1, 3), (2, 4))] == [(0, 1), (0, 1), (0, 2), (1, 2)]


def test_hybrid_decoding_reads_a_label_wherever_one_is_entered() -> None:
    head = hybrid()  # units a0 a1 b0 b1 silence
    found = predicted(head, saying(head, 4, 0, 1, 0, 0, 1, 2, 3, 4))
    assert found.labels == ["a", "a", "b"]
    assert found.bounds == [(1, 3), (3, 6), (6, 8)]


@pytest.mark.parametrize("can_skip", [False, True])
@pytest.mark.parametrize("has_silence", [False, True])
def test_hybrid_decoding_is_the_best_of_all_paths(can_skip: bool, has_silence: bool) -> None:
    n_states = 3
    head = hybrid(states_per_label=n_states, can_skip=can_skip, has_silence=has_silence, insertion_bonus=-0.3)
    names = [(label, state) for label in range(2) for state in range(n_states)] + ([None] if has_silence else [])

    def score(path: tuple[int, ...], scores: list[list[float]]) -> float:
        """Return the score of a path by the definition, -inf where it is none."""
        total = sum(scores[t][unit] for t, unit in enumerate(path))
        for before, after in itertools.pairwise([None, *(names[unit] for unit in path), None]):
            is_free = before is None or before[1] == n_states - 1
            if after is None:
                allowed = is_free
            elif before is not None and before[0] == after[0] and 0 <= after[1] - before[1] <= (2 if can_skip else 1):
                allowed = True
            else:
                allowed = is_free and after[1] == 0
                total -= 0.3
            if not allowed:
                return float("-inf")
        return total

    for seed in range(5):
        scores = 3 * torch.randn(1, 5, head.n_units, generator=torch.Generator().manual_seed(seed)).log_softmax(2)
        paths, numbers = itertools.product(range(head.n_units), repeat=5), scores[0].tolist()
        best = max(paths, key=lambda path: score(path, numbers))
        assert head._decode(scores, torch.tensor([5])) == [head.states.labels_of(list(best))]


@pytest.mark.parametrize("lengths", [[2, 3, 0], [2, 1, 0]])
def test_a_record_too_short_for_any_label_has_none(lengths: list[int]) -> None:
    head = hybrid(states_per_label=3, has_silence=False).eval()
    steps = Steps(torch.randn(3, 3, WIDTH, generator=torch.Generator().manual_seed(2)), torch.tensor(lengths))
    found = head.predict(steps, bare_batch(steps), use_confidences=True)
    assert [len(prediction.labels) for prediction in found] == [int(length >= 3) for length in lengths]
    assert [prediction.bounds for prediction in found] == [[(0, 3)] if length >= 3 else [] for length in lengths]


def test_priors_are_the_share_of_each_unit_in_the_last_pass() -> None:
    head = hybrid(prior_scale=1.0).train()
    steps = some_steps()
    head.loss(steps, some_batch(head))
    head.end_epoch()
    counts = head.projection(steps.values).softmax(2)[steps.mask].sum(0).double()
    expected = ((counts + 1) / (counts.max() + 1)).log()
    assert torch.allclose(head.log_prior.double(), expected, atol=1e-6)
    assert head._scores(torch.zeros(1, 1, head.n_units)).max() == 0  # no state gains beyond its probability


def test_the_first_viterbi_pass_gives_each_state_equally_many_steps() -> None:
    head = hybrid(training="viterbi", has_silence=True).train()
    values = torch.randn(1, 8, WIDTH, generator=torch.Generator().manual_seed(2))
    batch = batch_of([head.target], COLUMNS, rows=[0], lengths=torch.tensor([8, 0, 0, 0]).numpy())
    steps = Steps(values, torch.tensor([8]))
    log_probs = head.projection(values).log_softmax(2)[0]
    a, b = (head.target.labels.index(label) for label in "ab")
    even = torch.tensor([2 * a, 2 * a, 2 * a + 1, 2 * a + 1, 2 * b, 2 * b, 2 * b + 1, 2 * b + 1])
    expected = -log_probs.gather(1, even[:, None]).sum() / 3
    assert head.loss(steps, batch).item() == pytest.approx(expected.item(), rel=1e-5)
    head.end_epoch()
    assert head.loss(steps, batch).item() < expected.item()  # the best alignment is better


def test_options_out_of_range_are_refused() -> None:
    for options, message in (({"training": "em"}, "training is 'em'"), ({"states_per_label": 0}, "states_per_label is 0")):
        with pytest.raises(ConfigError, match=message):
            hybrid(**options)
    with pytest.raises(ConfigError, match="beam_width is 0"):
        ctc(beam_width=0)


def test_the_prior_is_that_of_the_labels_of_the_first_pass() -> None:
    head = ctc(beam_width=5, prior_order=2).train()
    steps = some_steps()
    for _ in range(2):  # the second pass is not counted
        head.loss(steps, some_batch(head))
        head.end_epoch()
    labels = [[head.target.labels.index(label) for label in row] for row in COLUMNS.lists("labels")]
    expected = LabelPrior.of(labels, order=2, n_labels=2)
    found = head._counted_prior()
    assert found is not None
    for history in ([], [0], [1], [0, 1], [1, 1]):
        assert [found.log_prob(history, label) for label in (0, 1)] == [expected.log_prob(history, label) for label in (0, 1)]
        assert found.log_prob_end(history) == expected.log_prob_end(history)


def test_the_prior_turns_the_scale() -> None:
    head = ctc(beam_width=5, prior_order=2, prior_weight=2.0).train()
    sequences = string_records({"labels": [["a", "b"]] * 9 + [["b"], ["b"]]})
    batch = batch_of([head.target], sequences, rows=list(range(11)), lengths=torch.full((11,), 3).numpy())
    head.loss(Steps(torch.randn(11, 3, WIDTH), torch.full((11,), 3)), batch)
    a, b, blank = head.target.labels.index("a"), head.target.labels.index("b"), 2
    scores = torch.full((1, 3, 3), -9.0)
    scores[0, 0, a] = scores[0, 1, blank] = scores[0, 2, b] = 2.0
    scores[0, 2, a] = 2.2  # heard as a little more likely than b; but a never follows a
    log_probs = scores.log_softmax(2)
    head.eval()
    assert head._decode(log_probs, torch.tensor([3])) == [[a, a]]  # no pass has ended: no prior yet
    head.end_epoch()
    assert head._decode(log_probs, torch.tensor([3])) == [[a, b]]


def enumerated(log_probs: torch.Tensor, *, blank: int) -> dict[tuple[int, ...], float]:
    """Return the probability of every label sequence of one record, summed over all paths by the definition."""
    probs: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        labels = tuple(unit for unit, _ in itertools.groupby(path) if unit != blank)
        probs[labels] = probs.get(labels, 0.0) + float(sum(log_probs[t, unit] for t, unit in enumerate(path)).exp())
    return probs


@pytest.mark.parametrize("beam_width", [1, 2, 20])
@pytest.mark.parametrize("n", [1, 3, 20])
def test_the_answer_is_the_first_of_the_n_best_with_its_probability(beam_width: int, n: int) -> None:
    head = ctc(beam_width=beam_width).eval()
    for seed in range(8):
        steps = Steps(3 * torch.randn(1, 4, WIDTH, generator=torch.Generator().manual_seed(seed)), torch.tensor([4]))
        expected = enumerated(head.projection(steps.values).log_softmax(2)[0].detach(), blank=2)
        (found,) = head.predict(steps, bare_batch(steps), use_confidences=True, n_best=n)
        (plain,) = head.predict(steps, bare_batch(steps), use_confidences=True)
        assert found.alternatives is not None
        assert found.labels == found.alternatives[0].labels
        assert found.bounds is not None
        assert len(found.bounds) == len(found.labels)
        ids = [tuple(head.target.labels.index(label) for label in one.labels) for one in found.alternatives]
        assert [one.probability for one in found.alternatives] == pytest.approx([expected[i] for i in ids], rel=1e-4)
        plain_ids = tuple(head.target.labels.index(label) for label in plain.labels)
        assert expected[ids[0]] >= expected[plain_ids] - 1e-6
        if n <= beam_width > 1:
            assert found.labels == plain.labels  # one search for both
        if max(n, beam_width) == 20:
            assert ids == sorted(expected, key=lambda labels: -expected[labels])[: len(ids)]


def test_the_likeliest_alignment_may_lose_to_a_sum_over_many() -> None:
    head = ctc().eval()
    head.projection = torch.nn.Linear(3, 3, bias=False)
    torch.nn.init.eye_(head.projection.weight)
    blank_first = torch.tensor([[0.4, 0.01, 0.59]]).log()  # twice the blank is the best path, 0.35; but `a` has 0.64
    steps = Steps(blank_first.expand(2, 3).unsqueeze(0), torch.tensor([2]))
    batch = bare_batch(steps)
    name = head.target.labels[0]
    assert head.predict(steps, batch, use_confidences=False)[0].labels == []
    (found,) = head.predict(steps, batch, use_confidences=True, n_best=2)
    assert found.labels == [name]
    assert found.alternatives is not None
    assert [(one.labels, round(one.probability, 4)) for one in found.alternatives] == [([name], 0.632), ([], 0.3481)]


def test_a_prior_needs_a_beam_and_an_order_that_can_be_counted() -> None:
    with pytest.raises(ConfigError, match="prior_order needs a beam"):
        ctc(prior_order=2)
    with pytest.raises(ConfigError, match="2 labels make too many n-grams of that order"):
        ctc(beam_width=3, prior_order=20)
    with pytest.raises(ConfigError, match="prior_order is -1"):
        ctc(beam_width=3, prior_order=-1)
