"""Mistakes in naming data sets, and the heads that they serve, are reported."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from seqlab.errors import ConfigError, DataError, SeqlabError
from seqlab.training.train import Run

Train: TypeAlias = Callable[..., Run]


@pytest.mark.parametrize(
    ("overrides", "error", "message"),
    [
        (["~data.sets.news", "~data.sets.requests"], ConfigError, r"data\.sets is empty; .*\+data@data\.sets\.NAME=conll"),
        (["+data@data.sets.news=sample_intents"], ConfigError, r"data\.sets\.news"),
        (["data.sets.news.heads=[tags,intent]"], ConfigError, r"data\.sets\.news\.heads names 'intent'; expected some of tags"),
        (["data.sets.news.heads=[label]"], DataError, r"data\.sets\.news\.heads names 'label', .*column 'kind', but"),
        (["data.sets.requests.heads=[]"], ConfigError, r"heads\.label learns column 'kind', but no data set serves it"),
        (["data.sets.requests.heads=[label]", "head=[sequence]"], ConfigError, r"data\.sets\.news\.heads names 'tags'"),
        (["heads.label.target.column=label", "~data.sets.requests.columns"], None, ""),
        (
            ["heads.tags.target.scheme=BIOES"],
            ConfigError,
            r"target\.scheme is BIOES, but data\.sets\.news\.scheme",
        ),
        (
            ["data.sets.news.scheme=null"],
            ConfigError,
            r"target\.scheme is BIO, but data\.sets\.news\.scheme is null",
        ),
        (["data.sets.requests.columns={kind:intent}"], DataError, r"data\.sets\.requests\.columns names 'intent', but its rec"),
        (["+data.sets.news.head=[tags]"], ConfigError, r"data\.sets\.news\.head: nothing reads it; a data set has reader, dir"),
        (["~data.sets.news.holdout"], ConfigError, r"data\.sets\.news lacks holdout; start from an option of conf/data"),
        (["data.temperature=0"], ConfigError, r"data\.temperature is 0; expected a number above 0"),
        (["data.sets.news.splits.train=null"], ConfigError, r"data\.sets\.news\.splits\.train is null; expected a file"),
        (["data.sets.news.holdout=2", "data.sets.news.splits.val=null"], ConfigError, r"data\.sets\.news\.holdout is 2"),
        (["monitor=val/tags/accuracyy"], ConfigError, r"val/tags/accuracyy.*did you mean val/tags/accuracy\?; there.*val/mean"),
    ],
)
def test_mistakes_are_reported(
    run: Train, tmp_path: Path, overrides: list[str], error: type[SeqlabError] | None, message: str
) -> None:
    words = [*overrides, "trainer.max_epochs=1"]
    if error is None:
        assert run(tmp_path / "run", words).metrics
        return
    with pytest.raises(error, match=message):
        run(tmp_path / "run", words)


def test_heads_of_different_sets_must_learn_different_columns(run: Train, tmp_path: Path) -> None:
    path = "seqlab.heads.SequenceHead"
    target = "{_target_:seqlab.data.fields.LabelField,column:label}"
    more = f"+heads.intent={{_target_:{path},target:{target},pooling:mean,drop_prob:0.0}}"
    overrides = ["heads.label.target.column=label", more, "~data.sets.requests.columns"]
    claimed = ["data.sets.news.heads=[tags,label]", "data.sets.requests.heads=[intent]"]
    message = r"heads\.label of news and heads\.intent of requests learn the same column 'label'; .*columns=\{intent: label\}"
    with pytest.raises(ConfigError, match=message):
        run(tmp_path / "run", [*overrides, *claimed])
