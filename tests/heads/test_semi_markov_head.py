import pytest
import torch

from seqlab.data.columns import string_records
from seqlab.data.fields import TagField
from seqlab.errors import ConfigError
from seqlab.functional import semi_markov
from seqlab.heads import SemiMarkovHead
from seqlab.steps import Steps
from seqlab.testing.records import bare_batch, batch_of

WIDTH = 4
COLUMNS = string_records({"tags": [["B-X", "I-X", "I-X", "O"], ["O", "B-Y"], []]})
LENGTHS = torch.tensor([4, 2, 0])


def head(*, max_length: int = 3, scheme: str = "BIO") -> SemiMarkovHead:
    target = TagField(column="tags", scheme=scheme)
    target.fit(COLUMNS)
    torch.manual_seed(0)
    made = SemiMarkovHead(target=target, input_width=WIDTH, summary_width=1, max_length=max_length)
    torch.nn.init.normal_(made.projection.weight, std=2.0)
    torch.nn.init.normal_(made.length_scores)
    return made


def some_steps() -> Steps:
    return Steps(torch.randn(3, 4, WIDTH, generator=torch.Generator().manual_seed(3)), LENGTHS)


def test_a_segment_scores_by_its_steps_its_ends_and_its_length() -> None:
    made, steps = head(), some_steps()
    model = made._model(steps)
    each, first, last = (part[0].detach() for part in made.projection(steps.values).chunk(3, dim=2))
    for start, end, label in ((0, 1, 0), (1, 3, 1), (0, 3, 2), (3, 4, 2)):
        expected = each[start:end, label].sum() + first[start, label] + last[end - 1, label]
        expected = expected + made.length_scores[end - start - 1, label].detach()
        assert model.scores[0, end - 1, end - start - 1, label].item() == pytest.approx(expected.item(), abs=1e-5)
    assert model.scores[0, 1, 1, 0] == -torch.inf  # two steps outside are two segments


def test_loss_is_that_of_the_segments_that_tags_spell() -> None:
    made, steps = head(), some_steps()
    gold = semi_markov.Segments.of([[(0, 3, 1), (3, 4, 0)], [(0, 1, 0), (1, 2, 2)], []])
    expected = semi_markov.negative_log_likelihood(made._model(steps), gold).sum() / 6
    batch = batch_of([made.target], COLUMNS, rows=[0, 1, 2], lengths=LENGTHS.numpy())
    assert made.labels == ["X", "Y"]
    assert made.loss(steps, batch).item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_a_tag_is_as_probable_as_its_segment(scheme: str) -> None:
    made, steps = head(scheme=scheme), some_steps()
    model = made._model(steps)
    probs = semi_markov.marginals(model)
    for i, prediction in enumerate(made.predict(steps, bare_batch(steps), use_confidences=True)):
        (segments,) = semi_markov.viterbi(model)[0][i : i + 1]
        spans = [(start, end, made.labels[label - 1]) for start, end, label in segments if label]
        assert [tuple(span) for span in made.scheme.spans(prediction.labels)] == spans
        for start, end, label in segments:
            expected = float(probs[i, end - 1, end - start - 1, label].detach())
            assert prediction.confidences[start:end] == pytest.approx([expected] * (end - start), abs=1e-6)


def test_records_with_a_longer_span_are_left_out() -> None:
    made, steps = head(max_length=2).train(), some_steps()
    batch = batch_of([made.target], COLUMNS, rows=[0, 1, 2], lengths=LENGTHS.numpy())
    others = Steps(steps.values[1:], LENGTHS[1:])
    rest = batch_of([made.target], COLUMNS, rows=[1, 2], lengths=LENGTHS.numpy())
    assert made.loss(steps, batch).item() == pytest.approx(made.loss(others, rest).item(), rel=1e-6)


def test_a_type_called_like_what_is_outside_is_a_type() -> None:
    target = TagField(column="tags", scheme="BIO")
    columns = string_records({"tags": [["B-O", "I-O", "O"]]})
    target.fit(columns)
    made = SemiMarkovHead(target=target, input_width=WIDTH, summary_width=1, max_length=3)
    assert made._segments(["B-O", "I-O", "O"]) == [(0, 2, 1), (2, 3, 0)]
    with torch.no_grad():  # one segment of the type, then a step outside
        made.projection.weight.zero_()
        made.transitions.zero_()
        made.length_scores.copy_(torch.tensor([[1.0, 0.0], [0.0, 9.0], [0.0, 0.0]]))
    steps = Steps(torch.zeros(1, 3, WIDTH), torch.tensor([3]))
    (found,) = made.eval().predict(steps, bare_batch(steps), use_confidences=False)
    assert found.labels in (["B-O", "I-O", "O"], ["O", "B-O", "I-O"])


def test_tags_without_spans_are_refused() -> None:
    target = TagField(column="tags", scheme=None)
    target.fit(COLUMNS)
    with pytest.raises(ConfigError, match=r"the tags encode none: data\.scheme is null"):
        SemiMarkovHead(target=target, input_width=WIDTH, summary_width=1, max_length=2)
    with pytest.raises(ConfigError, match="max_length is 0"):
        head(max_length=0)
