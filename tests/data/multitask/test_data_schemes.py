from typing import Any

import pytest

from seqlab.data.multitask.data_schemes import data_scheme

CONVERTED = {"reader": {"scheme": "BIO", "target_scheme": "BIOES"}}
PLAIN = {"reader": {"scheme": "BIOES", "target_scheme": None}}


@pytest.mark.parametrize(
    ("data", "column", "expected"),
    [
        (CONVERTED, "tags", "BIO"),
        (CONVERTED, "upos", None),
        (PLAIN, "tags", None),
        ({}, "tags", None),
        ({"reader": {"scheme": "unknown", "target_scheme": "BIO"}}, "tags", None),
        (CONVERTED | {"columns": {"names": "tags"}}, "names", "BIO"),
        ({"sets": {"a": CONVERTED | {"heads": ["x"]}, "b": PLAIN | {"heads": ["y"]}}}, "tags", "BIO"),
        ({"sets": {"a": CONVERTED | {"heads": ["x"]}, "b": PLAIN | {"heads": ["x"]}}}, "tags", None),
    ],
)
def test_data_scheme_is_that_before_conversion(data: dict[str, Any], column: str, expected: str | None) -> None:
    scheme = data_scheme(data, head="x", column=column)
    assert (scheme and scheme.name) == expected
