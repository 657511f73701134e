"""Class weights of the CRF head, against the layer on tensors."""

import numpy as np
import pytest
import torch

from seqlab.data.columns import string_records
from seqlab.data.fields import PartialTagField, TagField
from seqlab.data.fields.registry import Fields
from seqlab.errors import ConfigError
from seqlab.heads import CrfTokenHead
from seqlab.heads.layers import Crf
from seqlab.steps import Steps

RECORDS = {"tags": [["B-X", "I-X", "O"], ["O"], []]}
LENGTHS = torch.tensor([3, 1, 0])


def head_and_batch(target, **options):
    fields = Fields({target.key: target})
    columns = string_records(RECORDS)
    fields.fit(columns.records)
    head = CrfTokenHead(target=target, input_width=4, summary_width=4, **options)
    head.path = "heads.tags"
    return head.train(), fields.encode(columns.records).batch(np.arange(3))


def test_tokens_count_by_the_weight_of_their_tag_while_training() -> None:
    head, batch = head_and_batch(TagField(scheme="BIO"), class_weights={"B-X": 3.0, "O": 0.5})
    steps = Steps(torch.randn(3, 3, 4), LENGTHS)
    tags = head.target.tags
    crf = Crf.of_tags(tags, "BIO")
    crf.load_state_dict({name: getattr(head, name).data for name in ("transitions", "start", "end")})
    gold = torch.tensor([[tags.index("B-X"), tags.index("I-X"), tags.index("O")], [tags.index("O")] * 3, [0, 0, 0]])
    weights = torch.tensor([{"B-X": 3.0, "O": 0.5}.get(tag, 1.0) for tag in tags])
    summed = crf.loss(head.projection(steps.values), gold, steps.mask, class_weights=weights, reduction="sum")
    torch.testing.assert_close(head.loss(steps, batch), summed / (3.0 + 1.0 + 0.5 + 0.5))
    plain = crf.loss(head.projection(steps.values), gold, steps.mask, reduction="token_mean")
    torch.testing.assert_close(head.eval().loss(steps, batch), plain)


def test_equal_weights_change_nothing() -> None:
    head, batch = head_and_batch(TagField(scheme="BIO"), class_weights=dict.fromkeys(("O", "B-X", "I-X"), 2.0))
    steps = Steps(torch.randn(3, 3, 4), LENGTHS)
    torch.testing.assert_close(head.loss(steps, batch), head.eval().loss(steps, batch))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_weights": {"B-Y": 1.0}}, "class_weights has 'B-Y', which is not a label; expected some of O, B-X, I-X"),
        ({"class_weights": {"O": -1.0}}, "class_weights.O is -1.0; expected a number, at least 0"),
        ({"class_weights": {"O": 2.0}, "omission_cost": 1.0}, "omission_cost and class_weights both change the loss"),
    ],
)
def test_weights_that_do_not_fit_are_refused(options, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        head_and_batch(TagField(scheme="BIO"), **options)


def test_partially_annotated_records_are_refused() -> None:
    head, batch = head_and_batch(PartialTagField(scheme="BIO", unannotated="O"), class_weights={"B-X": 2.0})
    with pytest.raises(ConfigError, match=r"heads.tags.class_weights are for fully annotated records"):
        head.loss(Steps(torch.randn(3, 3, 4), LENGTHS), batch)
