import pytest
import torch

from seqlab.data.fields import SegmentBoundsField, SegmentLabelField
from seqlab.errors import ConfigError
from seqlab.heads import SegmentHead
from seqlab.testing import labelled_columns
from seqlab.testing.ragged import ragged_steps
from seqlab.testing.records import batch_of, n_steps

WIDTH = 4
BOUNDS = SegmentBoundsField("segments", None)
COLUMNS = labelled_columns()


def head(*, pooling: str = "mean", has_transitions: bool = False) -> SegmentHead:
    target = SegmentLabelField("segments", None)
    target.fit(COLUMNS)
    torch.manual_seed(0)
    return SegmentHead(
        target=target,
        bounds=BOUNDS,
        input_width=WIDTH,
        summary_width=1,
        pooling=pooling,
        drop_prob=0.0,
        has_transitions=has_transitions,
    )


def test_a_segment_is_labelled_by_the_mean_of_its_steps() -> None:
    made, steps = head(), ragged_steps(WIDTH)
    rows = list(range(len(COLUMNS)))
    batch = batch_of([BOUNDS], COLUMNS, rows=rows, lengths=n_steps(COLUMNS, column="tokens"))
    projection = made.labels.projection
    for i, (prediction, segments) in enumerate(
        zip(made.predict(steps, batch, use_confidences=True), COLUMNS.lists("segments"), strict=True)
    ):
        assert len(prediction.labels) == len(segments)
        for segment, label, confidence in zip(segments, prediction.labels, prediction.confidences, strict=True):
            probs = projection(steps.values[i, segment["start"] : segment["end"]].mean(0)).softmax(0)
            assert label == made.target.tags[int(probs.argmax())]
            assert confidence == pytest.approx(probs.max().item(), abs=1e-6)


def test_ends_are_the_first_and_the_last_step() -> None:
    made, steps = head(pooling="ends"), ragged_steps(WIDTH)
    batch = batch_of([BOUNDS], COLUMNS, rows=list(range(5)), lengths=n_steps(COLUMNS, column="tokens"))
    (first, *_) = made.predict(steps, batch, use_confidences=True)[3].confidences  # steps 3 to 6 of the fourth record
    ends = torch.cat([steps.values[3, 3], steps.values[3, 5]])
    assert first == pytest.approx(made.labels.projection(ends).softmax(0).max().item(), abs=1e-6)


def test_transitions_tie_consecutive_segments() -> None:
    made, steps = head(has_transitions=True), ragged_steps(WIDTH)
    with torch.no_grad():
        made.labels.projection.weight.zero_()
        made.labels.projection.bias.zero_()
        made.labels.transitions.copy_(torch.tensor([[-9.0, 9.0], [9.0, -9.0]]))  # labels take turns
        made.labels.start.copy_(torch.tensor([0.0, 5.0]))
    batch = batch_of([BOUNDS], COLUMNS, rows=list(range(5)), lengths=n_steps(COLUMNS, column="tokens"))
    predictions = made.predict(steps, batch, use_confidences=False)
    first, second = made.target.tags
    assert [p.labels for p in predictions] == [[second, first], [second], [], [second, first, second], []]


def test_scores_pass_over_segments_without_a_label() -> None:
    made, steps = head(), ragged_steps(WIDTH)
    batch = batch_of([BOUNDS], COLUMNS, rows=list(range(5)), lengths=n_steps(COLUMNS, column="tokens"))
    predictions = made.predict(steps, batch, use_confidences=True)
    right = [list(prediction.labels) for prediction in predictions]
    assert made.score(right, predictions)["accuracy"] == 1.0
    wrong = [*right[:-2], [None, *right[-2][1:]], right[-1]]
    assert made.score(wrong, predictions)["accuracy"] == 1.0


def test_a_summary_is_no_vector_of_a_segment() -> None:
    with pytest.raises(ConfigError, match="pooling is 'last'"):
        head(pooling="last")
