"""Parts that a data set asks for: chosen with it, unless somebody chooses others."""

import pytest

from seqlab.config.compose import compose
from seqlab.config.data_defaults import add_data_defaults, remove_data_defaults


@pytest.mark.parametrize(
    ("overrides", "added"),
    [
        (["data=sample_trees"], ["head=[sequence]"]),
        (["data=sample_frames", "seed=1"], ["embedding=[frames]", "head=[ctc]"]),
        (["data=sample_frames", "head=[sequence]"], ["embedding=[frames]"]),
        (["data=sample_trees", "head=[crf]"], []),
        (["data=sample"], []),
        (["data=sample_trees,sample"], []),
        (["data=no_such"], []),
        (["experiment=demo", "data=sample_trees"], []),
        (["encoder=gru"], []),
        (["-m", "data=sample_trees", "seed=1,2"], ["head=[sequence]"]),
    ],
)
def test_data_defaults_are_added_and_removed(overrides: list[str], added: list[str]) -> None:
    assert add_data_defaults(overrides) == [*overrides, *added]
    assert remove_data_defaults([*overrides, *added]) == overrides


def test_compose_adds_data_defaults() -> None:
    assert list(compose(["data=sample_trees", "paths.run_dir=."]).heads) == ["label"]
    assert list(compose(["data=sample_trees", "head=[softmax]", "paths.run_dir=."]).heads) == ["tags"]
