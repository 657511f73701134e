"""What overrides say: classes that they name, keys that they set, and keys that they may add without a `+`."""

import pytest

from seqlab.config.compose import compose
from seqlab.config.overrides import Overrides
from seqlab.errors import ConfigError
from seqlab.training.train import train


def test_flags_and_unreadable_words_are_passed_on() -> None:
    words = ("-m", "encoder=gru", "encoder.width=3", "--config-dir", "x", "encoder.width=[")
    assert Overrides.parse(words) == Overrides(words, frozenset(), frozenset({"encoder", "encoder.width"}))


def test_data_defaults_come_after_what_is_typed() -> None:
    typed = Overrides.parse(["data=sample_trees", "encoder.width=3"])
    assert typed.words == ("data=sample_trees", "encoder.width=3", "head=[sequence]")


def test_one_string_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"overrides is 'seed=1'; expected a list of them: \['seed=1'\]"):
        Overrides.parse("seed=1")


@pytest.mark.parametrize(
    ("words", "targets"),
    [
        (["encoder._target_=my_file.MyEncoder"], {"my_file.MyEncoder"}),
        (["encoder._target_='my_file.MyEncoder'"], {"my_file.MyEncoder"}),
        (["+heads.mine={_target_: a.B, target: {_target_: c.D, column: x}}"], {"a.B", "c.D"}),
        (["++embedding.parts.words.field._target_=a.B"], {"a.B"}),
        (["-m", "encoder._target_=a.B,a.C"], {"a.B", "a.C"}),
        (["-m", "encoder._target_=choice(a.B, a.C)"], {"a.B", "a.C"}),
        (["~encoder._target_"], set()),
        (["encoder._target_=["], set()),
        (["encoder._target_=3"], set()),
        (["x=a._target_=b"], set()),
        (["--config-dir=a._target_=b"], set()),
    ],
)
def test_classes_are_those_that_stand_in_values(words: list[str], targets: set[str]) -> None:
    assert Overrides.parse(words).targets == targets


def test_keys_beside_a_class_may_be_new() -> None:
    words = ["encoder._target_=a.B", "encoder.width=3", "encoder.new=1,2", "+encoder.other=1", "encoders.x=1", "~encoder.cell"]
    added = (
        "encoder._target_=a.B",
        "++encoder.width=3",
        "++encoder.new=1,2",
        "+encoder.other=1",
        "encoders.x=1",
        "~encoder.cell",
    )
    assert Overrides.parse(words).words == added


def test_keys_are_known_as_set_or_not() -> None:
    typed = Overrides.parse(
        ["encoder._target_=a.B", "encoder.cell.forget_bias=2", "+encoder.more={a: 1, b: {c: 2}}", "encoder.empty={}"]
    )
    is_set = ("encoder.cell", "encoder.cell.forget_bias", "encoder.more", "encoder.more.b.c", "encoder.empty")
    assert all(map(typed.sets, is_set))
    assert not any(map(typed.sets, ("encoder.width", "encoder.cel", "encoder.cell.forget", "encoder.more.d")))


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
    config = compose(Overrides.parse([*words, "hydra.run.dir=x"]).words)
    for part in key.split("."):
        config = config[part]
    assert config == value


@pytest.mark.parametrize("before", [["-m", "head=[softmax],[softmax_taught]"], ["-m", "head=[softmax]", "optimizer=glob(ad*)"]])
def test_a_sweep_may_add_keys_in_all_its_jobs(before: list[str]) -> None:
    typed = Overrides.parse([*before, "heads.tags.class_weights.B-PER=1,2", "seed=1"])
    assert typed.words == (*before, "++heads.tags.class_weights.B-PER=1,2", "seed=1")


@pytest.mark.parametrize(
    "word",
    [
        *("encoder.widht=3", "heads.tag.omission_cost=1", "heads.tags.weights.X=1", "embedding.parts.wrods.width=3"),
        *("data.splits.valid=x", "trainer.max_epoch=3", "loss_weight.tags=2", "callbacks.emma.decay=1", "optimizer.lrr=1"),
    ],
)
def test_all_other_new_keys_are_mistyped(word: str) -> None:
    assert Overrides.parse([word]).words == (word,)
    with pytest.raises(ConfigError, match=r"there is no such key"):
        train([word])


def test_a_wrong_name_in_an_open_mapping_is_reported() -> None:
    with pytest.raises(ConfigError, match=r"loss_weights has 'tag', which is not a head; expected some of tags"):
        train(["loss_weights.tag=2", "data.reader.n_train=9", "data.reader.n_val=9", "data.reader.n_test=9"])
