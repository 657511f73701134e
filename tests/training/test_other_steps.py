"""Encoders whose steps are not those of the records, as nodes of trees are not: what they read, and where their labels lie."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from seqlab.data.batch import Batch, EncodedRecords
from seqlab.data.columns import Columns
from seqlab.data.fields import CategoryField, SegmentBounds, SegmentBoundsField, SegmentLabelField, TagField, TagTargets
from seqlab.data.fields.categories import EncodedIds
from seqlab.embeddings import CategoryEmbedding, EmbeddingLayer
from seqlab.encoders import Encoder, IdentityEncoder
from seqlab.encoders.chain import ChainEncoder
from seqlab.errors import ConfigError
from seqlab.heads import SegmentHead, SequenceHead, SoftmaxTokenHead
from seqlab.inference.vectors.encode import encode
from seqlab.model.labeler import Labeler, check_steps, labels_of
from seqlab.steps import Steps
from seqlab.testing import labelled_columns

PLAIN: dict[str, Any] = {"class_weights": {}, "label_smoothing": 0.0, "focal_gamma": 0.0}
WIDTH = 3


class Pairs(Encoder):
    """Each step and, after it, the two that it ends: steps 0, 1, (0, 1), 2, (1, 2) and so on."""

    keeps_steps = False

    def __init__(self, *, input_width: int) -> None:
        super().__init__()
        self.output_width = self.summary_width = input_width
        self.read: list[Batch] = []

    def forward(self, steps: Steps) -> Steps:
        return self._pairs(steps)

    def encode(self, steps: Steps, batch: Batch) -> Steps:
        self.read.append(batch)
        return self._pairs(steps)

    def _pairs(self, steps: Steps) -> Steps:
        n_steps = steps.values.shape[1]
        covers = [(0, 1), *((first, i + 1) for i in range(1, n_steps) for first in (i, i - 1))]
        values = torch.stack([steps.values[:, start:end].mean(1) for start, end in covers], 1)
        lengths = (2 * steps.lengths - 1).clamp(min=0)
        places = torch.tensor(covers).expand(len(values), -1, -1)
        is_real = torch.arange(len(covers)) < lengths[:, None]
        return Steps(values, lengths, summary=values.mean(1), covers=places * is_real.unsqueeze(2))


class PairTags(TagTargets):
    column = "pairs"
    is_of_record_steps = False

    def __init__(self) -> None:
        self.tags = ["x", "y"]

    def fit(self, columns: Columns) -> None: ...

    def encode(self, columns: Columns) -> EncodedIds:
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: Any, arrays: Any) -> None: ...


def softmax(target: TagTargets) -> SoftmaxTokenHead:
    return SoftmaxTokenHead(
        target=target,
        input_width=WIDTH,
        summary_width=WIDTH,
        is_constrained=False,
        **PLAIN,
    )


def token_tags() -> TagField:
    field = TagField("tags", None)
    field.fit(labelled_columns())
    return field


def segment_head() -> SegmentHead:
    target, bounds = SegmentLabelField("segments", None), SegmentBoundsField("segments", None)
    target.fit(labelled_columns())
    torch.manual_seed(1)
    widths = {"input_width": WIDTH, "summary_width": WIDTH}
    return SegmentHead(target=target, bounds=bounds, pooling="mean", drop_prob=0.0, has_transitions=False, **widths)


def steps_of(lengths: list[int]) -> Steps:
    torch.manual_seed(0)
    return Steps(torch.randn(len(lengths), max(lengths), WIDTH), torch.tensor(lengths))


def batch_of(lengths: list[int], fields: dict[str, Any] | None = None) -> Batch:
    return Batch(fields or {}, torch.tensor(lengths), torch.arange(len(lengths)))


def test_labels_of_steps_have_the_places_that_these_cover() -> None:
    steps = Pairs(input_width=WIDTH)(steps_of([3, 1]))
    found = labels_of({"pairs": softmax(PairTags())}, steps, batch_of([3, 1]), use_confidences=True)["pairs"]
    assert [prediction.bounds for prediction in found] == [[(0, 1), (1, 2), (0, 2), (2, 3), (1, 3)], [(0, 1)]]
    assert [len(prediction.labels) for prediction in found] == [5, 1]


def test_labels_of_records_have_no_places() -> None:
    from seqlab.data.fields import LabelField

    target = LabelField("label")
    target.fit(labelled_columns())
    head = SequenceHead(target=target, input_width=WIDTH, summary_width=WIDTH, pooling="mean", drop_prob=0.0, **PLAIN)
    steps = Pairs(input_width=WIDTH)(steps_of([1, 1]))
    found = labels_of({"label": head}, steps, batch_of([1, 1]), use_confidences=True)["label"]
    assert [prediction.bounds for prediction in found] == [None, None]


def test_a_chain_hands_the_batch_on() -> None:
    made: list[Pairs] = []

    def pairs(*, input_width: int) -> Pairs:
        made.append(Pairs(input_width=input_width))
        return made[-1]

    chain = ChainEncoder(input_width=WIDTH, parts={"below": IdentityEncoder, "pairs": pairs})
    batch = batch_of([3, 1])
    assert not chain.keeps_steps
    assert chain.encode(steps_of([3, 1]), batch).lengths.tolist() == [5, 1]
    assert made[0].read == [batch]


def test_a_labeler_hands_the_batch_to_its_encoder() -> None:
    class Given(EmbeddingLayer):
        def forward(self, batch: Batch) -> Steps:
            return steps_of(batch.lengths.tolist())

    encoder, batch = Pairs(input_width=WIDTH), batch_of([2, 2])
    embedding = Given.__new__(Given)
    torch.nn.Module.__init__(embedding)
    labeler = Labeler(embedding=embedding, encoder=encoder, heads={"pairs": softmax(PairTags())})
    assert labeler(batch).lengths.tolist() == [3, 3]
    assert encoder.read == [batch]


def test_encoded_nodes_have_the_places_that_they_cover() -> None:
    words, columns = CategoryField("tokens", "lower", 1), labelled_columns()
    words.fit(columns)
    embedding = EmbeddingLayer(parts={"words": CategoryEmbedding(field=words, width=WIDTH, unknown_alpha=0.0)}, dropout={})
    labeler = Labeler(embedding=embedding, encoder=Pairs(input_width=WIDTH), heads={"pairs": softmax(PairTags())})
    records = EncodedRecords({words.key: words.encode(columns)}, columns=columns)
    encoded = encode(labeler, records, tokens=columns.lists("tokens"), max_tokens=8, use_steps=True)
    found = [record.steps for record in encoded if record.steps is not None]
    four, one, none, *_ = found
    assert four.bounds == [(0, 1), (1, 2), (0, 2), (2, 3), (1, 3), (3, 4), (2, 4)]
    assert torch.allclose(torch.tensor(four.values[4]), torch.tensor(four.values[[1, 3]]).mean(0))
    assert one.bounds == [(0, 1)]
    assert one.whole.tolist() == one.values[0].tolist()
    assert (none.bounds, none.labels, none.whole.tolist()) == ([], {"pairs": []}, [0.0] * WIDTH)
    assert [len(steps.labels["pairs"]) for steps in found] == [7, 1, 0, 11, 3]


@pytest.mark.parametrize(
    ("head", "keeps_steps", "message"),
    [
        (
            lambda: softmax(token_tags()),
            False,
            r"heads\.one labels the steps of the records, but the encoder gives nodes of trees",
        ),
        (
            lambda: softmax(PairTags()),
            True,
            r"heads\.one labels the nodes of trees, but the encoder gives steps of the records",
        ),
    ],
)
def test_heads_that_label_other_steps_are_refused(head: Callable[[], Any], keeps_steps: bool, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_steps({"one": head()}, keeps_steps=keeps_steps)
    check_steps({"one": head()}, keeps_steps=not keeps_steps)


def test_segment_and_sequence_heads_take_any_steps() -> None:
    for keeps_steps in (True, False):
        check_steps({"segments": segment_head()}, keeps_steps=keeps_steps)


def test_a_segment_is_the_smallest_step_that_covers_it() -> None:
    head, steps = segment_head(), Pairs(input_width=WIDTH)(steps_of([4, 2]))
    bounds = SegmentBounds(torch.tensor([[2, 1, 0], [0, 0, 0]]), torch.tensor([[3, 3, 2], [1, 0, 0]]), torch.tensor([3, 1]))
    batch = batch_of([4, 2], {head.bounds.key: bounds})
    found = head.predict(steps, batch, use_confidences=True)
    assert [prediction.bounds for prediction in found] == [[(2, 3), (1, 3), (0, 2)], [(0, 1)]]
    expected = [steps.values[0, 3], steps.values[0, 4], steps.values[0, 2], steps.values[1, 0]]
    read = head._segments(steps, batch).values
    assert torch.equal(torch.stack([*read[0], read[1, 0]]), torch.stack(expected))
