from typing import Any

import pytest
import torch
from torch.nn import functional

from seqlab.data.columns import Columns
from seqlab.data.fields import LabelField, MultiLabelField
from seqlab.data.records import records_from_columns
from seqlab.heads import MultiLabelHead, SequenceHead
from seqlab.testing import labelled_columns
from seqlab.testing.ragged import ragged_steps
from seqlab.testing.records import bare_batch, batch_of
from seqlab.types import Prediction

STEPS = ragged_steps(4)
PLAIN: dict[str, Any] = {"class_weights": {}, "label_smoothing": 0.0, "focal_gamma": 0.0}


def sequence(*, drop_prob: float = 0.0) -> SequenceHead:
    field = LabelField(column="label")
    field.fit(labelled_columns())
    return SequenceHead(target=field, input_width=4, summary_width=4, pooling="mean", drop_prob=drop_prob, **PLAIN)


def multilabel(*, threshold: float = 0.5) -> MultiLabelHead:
    field = MultiLabelField(column="topics")
    field.fit(labelled_columns())
    return MultiLabelHead(target=field, input_width=4, summary_width=4, pooling="mean", drop_prob=0.0, threshold=threshold)


def test_sequence_predicts_the_likeliest_label_with_its_probability() -> None:
    head = sequence()
    probs = head.scores(STEPS).softmax(1).detach()
    for row, prediction in zip(probs, head.predict(STEPS, bare_batch(STEPS), use_confidences=True), strict=True):
        assert prediction.labels == [head.target.labels[int(row.argmax())]]
        assert prediction.confidences == pytest.approx([float(row.max())])


def test_sequence_loss_leaves_out_labels_unseen_in_training() -> None:
    head = sequence()
    columns = Columns(records_from_columns({"label": ["ask", "never", "tell", "never", "ask"]}))
    batch = batch_of([head.target], columns, rows=[0, 1, 2, 3, 4], lengths=STEPS.lengths.numpy())
    known = [0, 2, 4]
    gold = torch.tensor([head.target.labels.index(label) for label in ("ask", "tell", "ask")])
    torch.testing.assert_close(head.loss(STEPS, batch), functional.cross_entropy(head.scores(STEPS)[known], gold))


def test_sequence_drops_features_while_training() -> None:
    head = sequence(drop_prob=0.5)
    assert not torch.equal(head.scores(STEPS), head.scores(STEPS))
    head.eval()
    assert torch.equal(head.scores(STEPS), head.scores(STEPS))


def test_sequence_scores_gold_labels_as_right() -> None:
    head = sequence()
    gold = head.gold(labelled_columns())
    assert gold == ["ask", "tell", "tell", "ask", "tell"]
    scores = head.score(gold, [Prediction([label], [1.0]) for label in gold])
    assert scores["accuracy"] == scores["macro_f1"] == 1.0
    assert scores["majority_accuracy"] == 0.6


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.7, 1.0])
def test_multilabel_predicts_what_reaches_the_threshold_likeliest_first(threshold: float) -> None:
    head = multilabel(threshold=threshold)
    torch.nn.init.normal_(head.scores.projection.weight, std=3.0)
    probs = torch.sigmoid(head.scores(STEPS))
    for row, prediction in zip(probs.tolist(), head.predict(STEPS, bare_batch(STEPS), use_confidences=True), strict=True):
        expected = {label: p for label, p in zip(head.target.labels, row, strict=True) if p >= threshold}
        assert dict(zip(prediction.labels, prediction.confidences, strict=True)) == pytest.approx(expected)
        assert prediction.confidences == sorted(prediction.confidences, reverse=True)


def test_multilabel_loss_counts_every_label_of_every_record() -> None:
    head = multilabel()
    batch = batch_of([head.target], labelled_columns(), rows=[0, 1, 2, 3, 4], lengths=STEPS.lengths.numpy())
    targets = torch.tensor(
        [[float(label in row) for label in head.target.labels] for row in labelled_columns().lists("topics")]
    )
    probs = torch.sigmoid(head.scores(STEPS))
    expected = -(targets * probs.log() + (1 - targets) * (1 - probs).log()).mean()
    torch.testing.assert_close(head.loss(STEPS, batch), expected)


def test_multilabel_gold_is_the_column() -> None:
    head = multilabel()
    assert head.gold(labelled_columns()) == labelled_columns().lists("topics")
    single = Columns(records_from_columns({"topics": ["travel", "people"]}))
    assert head.gold(single) == [["travel"], ["people"]]
