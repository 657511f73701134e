"""Which keys overrides may add without a `+`."""

import pytest

from seqlab.config.compose import compose
from seqlab.config.open_mappings import opened
from seqlab.errors import ConfigError
from seqlab.training.train import train


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        (["loss_weights.tags=2"], "loss_weights", {"tags": 2}),
        (["loss_weights={tags:2}"], "loss_weights", {"tags": 2}),
        (["parameter_groups.a.lr=0.5", "parameter_groups.a.parameters=[x]"], "parameter_groups.a.lr", 0.5),
        (["head=[softmax]", "heads.tags.class_weights.B-PER=2"], "heads.tags.class_weights", {"B-PER": 2}),
        (["head=[softmax]", "heads.tags.class_weights={B-PER:2}"], "heads.tags.class_weights", {"B-PER": 2}),
        (["embedding.dropout.step=0.1"], "embedding.dropout", {"variational": 0.3, "step": 0.1}),
        (["data=conll", "data.reader.columns.upos=1"], "data.reader.columns.upos", 1),
        (["data=conllu", "data.reader.comment_columns.s_type=label"], "data.reader.comment_columns", {"s_type": "label"}),
    ],
)
def test_mappings_with_names_of_the_users_own_need_no_plus(words: list[str], key: str, value: object) -> None:
    config = compose(opened([*words, "hydra.run.dir=x"]))
    for part in key.split("."):
        config = config[part]
    assert config == value


def test_a_sweep_is_opened_for_all_its_jobs() -> None:
    words = ["-m", "head=[softmax],[softmax_taught]", "heads.tags.class_weights.B-PER=1,2", "seed=1"]
    assert opened(words) == [*words[:2], "++heads.tags.class_weights.B-PER=1,2", "seed=1"]


@pytest.mark.parametrize(
    "word",
    [
        *("encoder.widht=3", "heads.tag.omission_cost=1", "heads.tags.class_weights.X=1", "embedding.parts.wrods.width=3"),
        *("data.splits.valid=x", "trainer.max_epoch=3", "loss_weight.tags=2", "callbacks.emma.decay=1", "optimizer.lrr=1"),
    ],
)
def test_all_other_keys_that_are_not_there_are_mistyped(word: str) -> None:
    assert opened([word]) == [word]
    with pytest.raises(ConfigError, match=r"there is no such key"):
        train([word])


def test_what_stays_wrong_is_told() -> None:
    with pytest.raises(ConfigError, match=r"loss_weights has 'tag', which is no head; expected some of tags"):
        train(["loss_weights.tag=2", "data.reader.n_train=9", "data.reader.n_val=9", "data.reader.n_test=9"])
