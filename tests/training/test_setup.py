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


BIO = [["B-PER", "I-PER", "O"], ["O", "B-LOC", "O"]]


def test_a_scheme_that_the_tags_do_not_have_is_refused_with_theirs() -> None:
    message = (
        r"data\.scheme is BIOES, but 2 of 2 records of train break BIOES in column 'tags', first record '0', step 2: .*"
        r"; the tags are BIO: set data\.scheme=BIO, or data\.reader\.scheme=BIO data\.reader\.target_scheme=BIOES .*"
        r"data\.reader\.repair=true reads them leniently"
    )
    with pytest.raises(ConfigError, match=message):
        settled("head=[crf]", "data.scheme=BIOES", tags=BIO)
    assert settled("head=[crf]", "data.scheme=BIOES", "data.reader.repair=true", tags=BIO).data.scheme == "BIOES"


@pytest.mark.parametrize("tags", [BIO, [*BIO, ["O", "I-LOC"]], [["NOUN", "VERB"]]])
def test_a_scheme_that_fits_best_is_kept(tags: list[list[str]]) -> None:
    assert settled("head=[crf]", "data.scheme=BIO", tags=tags).data.scheme == "BIO"


def test_the_first_violation_is_named_where_no_scheme_fits() -> None:
    message = (
        r"BIO is closest, with violations at 1 of 5 .*first record '2', step 1: .*Set data\.scheme to one of BIO, .*leniently"
    )
    with pytest.raises(ConfigError, match=message):
        settled("head=[crf]", tags=[["B-X", "I-X"], ["B-X"], ["O", "I-X"]])


def test_a_few_foreign_tags_do_not_make_tags_plain() -> None:
    with pytest.raises(
        ConfigError, match=r"'B-' is neither O nor PREFIX-label.*step 1: .*set data\.scheme=null to read all as plain tags"
    ):
        settled("head=[crf]", tags=[["B-X", "B-"], ["B-X", "I-X"]])


@pytest.mark.parametrize(
    ("tags", "note"), [(["O", "S_location", "X_location"], "prefixes look like those of a span scheme"), (["NOUN", "VERB"], "")]
)
def test_prefixes_that_fit_no_scheme_are_noted(tags: list[str], note: str, caplog: pytest.LogCaptureFixture) -> None:
    assert settled("head=[crf]", tags=[tags]).data.scheme is None
    assert note in caplog.text
    assert bool(note) == bool(caplog.text)
