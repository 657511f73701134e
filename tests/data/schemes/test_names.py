"""Schemes by name, and the names of their tags."""

import pytest

from seqlab.data.schemes import get_scheme
from seqlab.errors import ConfigError


def test_tags_of_lists_label_by_label() -> None:
    assert get_scheme("BIO").tags_of(["b", "a-c"]) == ["O", "B-b", "I-b", "B-a-c", "I-a-c"]


@pytest.mark.parametrize(("alias", "name"), [("iob2", "BIO"), ("IOBES", "BIOES"), ("bilou", "BILOU"), ("Iob1", "IOB1")])
def test_get_scheme_knows_aliases_in_any_case(alias: str, name: str) -> None:
    assert get_scheme(alias) is get_scheme(name)
    assert get_scheme(alias).name == name


def test_get_scheme_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"scheme is 'BIEOS'; expected one of IOB1, BIO, .*; did you mean BIOES\?"):
        get_scheme("BIEOS")
