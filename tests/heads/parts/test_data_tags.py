"""Tags of one scheme in another."""

import itertools

import pytest

from seqlab.data.schemes import SCHEME_NAMES, get_scheme
from seqlab.heads.parts.data_tags import DataTags
from seqlab.types import Span

ROWS = [[], [Span(0, 1, "X")], [Span(0, 2, "X"), Span(2, 3, "X")], [Span(0, 4, "Y"), Span(5, 6, "_")]]


@pytest.mark.parametrize(("own", "data"), list(itertools.permutations(SCHEME_NAMES, 2)))
def test_tags_of_steps_are_those_of_the_spans(own: str, data: str) -> None:
    conversion = DataTags(get_scheme(own), get_scheme(data))
    is_sure = (own, data) in {("BIOES", "BIO"), ("BILOU", "BIO"), ("BIOES", "BILOU"), ("BILOU", "BIOES")}
    assert conversion.is_by_step == (is_sure or (data == "IO" and own != "IOB1"))
    if conversion.is_by_step:
        for spans in ROWS:
            tags = conversion.own.encode(spans, n_steps=6)
            assert list(map(conversion.tag, tags)) == conversion.tags(tags)
