from typing import Any

import pytest

from seqlab.errors import DataError
from seqlab.inference.given import check_kinds, read_input


@pytest.mark.parametrize(
    ("record", "offsets"),
    [
        ({"tokens": ["Ada", "Berg", "met"], "text": "AdaBerg met"}, [[0, 3], [3, 7], [8, 11]]),
        ({"tokens": ["Ada", "met"], "text": "Ada met", "offsets": [[0, 1], [1, 2]]}, [[0, 3], [4, 7]]),
        ({"tokens": ["x"], "text": "<b>x", "offsets": [[3, 4]]}, [[3, 4]]),
        ({"tokens": ["de", "le", "x"], "text": "du x", "offsets": [[0, 2], [0, 2], [3, 4]]}, [[0, 2], [0, 2], [3, 4]]),
        ({"tokens": None, "text": "Ada met"}, [(0, 3), (4, 7)]),
        ({"tokens": ["a"], "text": "b", "offsets": None}, None),
    ],
)
def test_tokens_are_aligned_with_their_text(record: dict[str, Any], offsets: object) -> None:
    read = read_input(record)
    assert read["offsets"] == offsets
    assert read["text"] == record["text"]


@pytest.mark.parametrize(
    "changes",
    [{"text": "Bob met"}, {"text": "Ada"}, {"text": "Ada and met"}, {"text": "b met", "offsets": [[0, 1], [2, 5]]}],
)
def test_a_text_of_other_words_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=f"text '{changes['text']}' does not match the tokens \\['Ada', 'met'\\]"):
        read_input({"tokens": ["Ada", "met"], **changes})


def test_a_text_needs_tokens() -> None:
    with pytest.raises(DataError, match=r"text 'a' does not match the tokens \[\]"):
        read_input({"tokens": [], "text": "a"})
    assert read_input({"tokens": [], "text": " "})["offsets"] == []


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"text": 5}, "text is 5; expected a string"),
        ({"text": ["a"]}, r"text is \['a'\]; expected a string"),
        ({"tokens": [1, 2]}, r"tokens is \[1, 2\]; expected a list of strings"),
        ({"tokens": "a b"}, "tokens is 'a b'; expected a list of strings"),
        ({"tokens": ["a"], "offsets": [[0, 1]]}, "offsets need tokens, and the text"),
        ({"text": "a", "offsets": [[0, 1]]}, "offsets need tokens, and the text"),
        ({"tokens": ["a"], "text": "a", "offsets": "x"}, r"offsets is 'x'; expected a list of \[start, end\]"),
        ({"tokens": ["a"], "upos": "X"}, "upos is 'X'; expected a list of strings"),
        ({"tokens": ["a"], "heads": [True]}, r"heads is \[True\]; expected a list of integers"),
        ({"tokens": ["a"], "tree": 5}, "tree is 5; expected a string of brackets"),
        ({"text": "a", "frames": None}, "frames is None; expected a value"),
        ({"tokens": ["a\ud800"]}, r"'\\ud800' is half a character \(a lone surrogate\) in tokens"),
    ],
)
def test_values_of_the_wrong_kind_are_refused(record: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=f"^{message}"):
        check_kinds(record, ["upos", "heads", "tree", "frames"])


def test_only_columns_that_are_read_are_checked() -> None:
    check_kinds({"text": None, "tokens": ["a"], "upos": 7, "key": "\ud800"}, ["tokens"])
