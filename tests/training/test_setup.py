"""What `auto` becomes, by the records and by the heads that read them."""

import logging

import pytest
from omegaconf import DictConfig

from seqlab.config.compose import compose
from seqlab.data.multitask.data_sets import UNNAMED
from seqlab.data.records import records_from_columns
from seqlab.errors import ConfigError
from seqlab.training.setup import settle_schemes

CLEAR = [["B-PER", "I-PER", "O"], ["B-PER", "B-PER", "O"], ["O", "B-LOC"]]


def settled(*overrides: str, tags: list[list[str]]) -> DictConfig:
    config = compose(["paths.run_dir=.", "data=jsonl", "data.dir=.", *overrides])
    records = records_from_columns({"tokens": [["x"] * len(row) for row in tags], "tags": tags})
    settle_schemes(config, {UNNAMED: {"train": records}})
    return config


def test_the_scheme_is_that_of_the_tags_that_a_head_reads(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    config = settled("head=[crf]", tags=CLEAR)
    assert config.data.scheme == config.heads.tags.target.scheme == "BIO"
    assert "data.scheme: " in caplog.text


def test_tags_that_fit_several_schemes_are_for_the_user_to_decide() -> None:
    with pytest.raises(ConfigError, match=r"data\.scheme is auto, but: .*Set data\.scheme to one of "):
        settled("head=[crf]", tags=[["O", "O"], ["O"]])


@pytest.mark.parametrize("head", ["sequence", "ctc", "hmm_hybrid", "segment"])
def test_tags_that_no_head_reads_decide_nothing(head: str) -> None:
    assert settled(f"head=[{head}]", tags=[["O", "O"], ["O"]]).data.scheme is None
