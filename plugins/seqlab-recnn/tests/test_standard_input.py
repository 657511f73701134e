"""Bracketed trees as input of `seqlab predict -`."""

import io

import pytest

from seqlab.errors import DataError
from seqlab.inference.choose import InputChoice


def test_trees_are_read_from_standard_input() -> None:
    source = InputChoice(path=None, reader={}, needed=("tokens", "tree")).format("trees")
    (chunk,) = source.read(io.BytesIO(b"(S (NP she) (VP sleeps))\n(S\n (X a))\n"), name="<stdin>")
    assert [(record["tokens"], record["tree"]) for record in chunk.records] == [
        (["she", "sleeps"], "(S (NP she) (VP sleeps))"),
        (["a"], "(S (X a))"),
    ]
    with pytest.raises(DataError, match=r"^<stdin>:1: "):
        list(source.read(io.BytesIO(b"(S (NP she)"), name="<stdin>"))
