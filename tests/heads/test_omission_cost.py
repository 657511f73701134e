"""The recall-oriented cost of the CRF head, against the softmax-margin written out for a record of one step."""

import pytest
import torch

from seqlab.data.columns import string_records
from seqlab.data.fields import TagField
from seqlab.data.fields.registry import Fields
from seqlab.heads import CrfTokenHead
from seqlab.steps import Steps


def head_and_batch(tag: str, *, omission_cost: float):
    target = TagField(column="tags", scheme="BIO")
    fields = Fields({target.key: target})
    columns = string_records({"tags": [[tag], ["B-PER"], ["O"]]})
    fields.fit(columns.records)
    head = CrfTokenHead(target=target, input_width=3, summary_width=3, omission_cost=omission_cost)
    return head, fields.encode(columns.records).batch(torch.tensor([0]).numpy())


@pytest.mark.parametrize(("tag", "is_handicapped"), [("B-PER", True), ("O", False)])
def test_crf_omission_cost_handicaps_the_gold_path_where_it_is_inside_a_span(tag: str, is_handicapped: bool) -> None:
    head, batch = head_and_batch(tag, omission_cost=2.0)
    steps = Steps(torch.tensor([[[0.3, -0.2, 0.9]]]), torch.tensor([1]))
    names = head.target.tags
    paths = head.projection(steps.values)[0, 0] + head.start + head.end
    paths = paths.masked_fill(torch.tensor([name.startswith("I-") for name in names]), -torch.inf)
    cost = torch.tensor([2.0 if is_handicapped and name == "O" else 0.0 for name in names])
    expected = (paths + cost).logsumexp(0) - paths[names.index(tag)]
    torch.testing.assert_close(head.train().loss(steps, batch), expected)
    plain = paths.logsumexp(0) - paths[names.index(tag)]
    torch.testing.assert_close(head.eval().loss(steps, batch), plain)
