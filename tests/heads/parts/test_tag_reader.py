"""Spans of a whole batch are those that a scheme reads from each record."""

import pytest
import torch

from seqlab.data.schemes import SCHEME_NAMES, get_scheme
from seqlab.heads.parts.tag_reader import TagReader


@pytest.mark.parametrize("name", SCHEME_NAMES)
def test_spans_of_a_batch_are_those_of_its_records(name: str) -> None:
    scheme = get_scheme(name)
    tags = [*scheme.tags_of(["X", "Y", "long-name"]), *scheme.prefixes[1:]]
    reader = TagReader(tags, scheme)
    generator = torch.Generator().manual_seed(0)
    lengths = torch.tensor([9, 0, 5, 1, 9, 3] * 30)
    ids = torch.randint(len(tags), (len(lengths), 9), generator=generator)
    found = reader.spans(ids, lengths)
    assert found is not None
    expected = [
        (record, span.start, span.end) for record, row in enumerate(reader.rows(ids, lengths)) for span in scheme.spans(row)
    ]
    assert expected == list(zip(found.records.tolist(), found.starts.tolist(), found.ends.tolist(), strict=True))
    assert len(expected) > len(lengths)


def test_batches_without_steps_have_no_spans() -> None:
    reader = TagReader(["O", "B-X", "I-X"], get_scheme("BIO"))
    for shape in ((0, 3), (2, 0)):
        found = reader.spans(torch.zeros(shape, dtype=torch.long), torch.zeros(shape[0], dtype=torch.long))
        assert found is not None
        assert not len(found.records)
    assert TagReader(["N", "V"], None).spans(torch.zeros(1, 2, dtype=torch.long), torch.tensor([2])) is None
