"""Views: the same category for words that look alike, in any script."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.data.fields.word_views import VIEWS, get_view
from seqlab.errors import ConfigError

EXAMPLES = {
    "identity": {"Straße": "Straße", "": ""},
    "lower": {"ÉCOLE": "école", "ΟΔΟΣ": "οδος", "Ǆ": "ǆ"},
    "digits": {"A-320": "a-000", "٣": "0", "x²": "x²"},
    "shape": {
        "Apple": "Xxxx",
        "Ab": "Xx",
        "USA": "XXX",
        "NATO": "XXX",
        "iPhone": "xXxxx",
        "2,999,999": "d,ddd,ddd",
        "12345": "ddd",
        "Élan": "Xxxx",
        "ǅin": "Xxx",
        "日本語語": "ooo",
        "----": "---",
        "e\u0301te": "x\u0301xx",
        "": "",
    },
    "case": {
        "apple": "lower",
        "Apple": "title",
        "I": "title",
        "O'Neil": "title",
        "ǅin": "title",
        "USA": "upper",
        "U.S.": "upper",
        "B2B": "upper",
        "3rd": "lower",
        "iPhone": "mixed",
        "McDonald": "mixed",
        "New-york": "title",
        "Don't": "title",
        "élan": "lower",
        "ДА": "upper",
        "1,000": "digit",
        "٣": "digit",
        "日本": "other",
        "...": "other",
        "": "other",
    },
    "length": {"": "0", "a": "1", "four": "4", "fives": "5-6", "sevenup": "7-9", "a" * 10: "10-14", "a" * 15: "15+"},
    "prefix:3": {"Running": "run", "ab": "ab", "": "", "İst": "i\u0307s"},
    "suffix:3": {"RUNNING": "ing", "ab": "ab", "": ""},
    "suffix:12": {"running": "running"},
}


@pytest.mark.parametrize(
    ("name", "word", "expected"), [(name, *pair) for name, pairs in EXAMPLES.items() for pair in pairs.items()]
)
def test_get_view_gives_category(name, word, expected):
    assert get_view(name)(word) == expected


def test_views_all_have_examples():
    assert set(VIEWS) <= set(EXAMPLES)


@given(st.sampled_from([*VIEWS, "prefix:2", "suffix:2"]), st.text())
def test_get_view_never_fails_and_survives_pickling(name, word):
    view = get_view(name)
    assert pickle.loads(pickle.dumps(view))(word) == view(word)  # noqa: S301 (our own bytes)


@given(st.text())
def test_shape_has_no_long_runs_and_length_has_few_buckets(word):
    shape = get_view("shape")(word)
    assert all(char * 4 not in shape for char in shape)
    assert get_view("length")(word) in {"0", "1", "2", "3", "4", "5-6", "7-9", "10-14", "15+"}


@pytest.mark.parametrize(
    "name", ["shapes", "prefix", "prefix:", "prefix:0", "suffix:-1", "suffix:x", "suffix:²", "lower:2", ""]
)
def test_get_view_names_what_exists(name):
    with pytest.raises(ConfigError, match=rf"view is '{name}'; expected one of identity, lower.*prefix:N"):
        get_view(name)
