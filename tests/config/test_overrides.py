"""What overrides name and set, as far as a run may trust it."""

import pytest

from seqlab.config.overrides import typed_in


def test_words_without_a_class_are_handed_on_as_they_are() -> None:
    words = ["-m", "encoder=gru", "encoder.width=3", "--config-dir", "x"]
    typed = typed_in(words)
    assert (typed.words, typed.targets, typed.keys) == (tuple(words), frozenset(), frozenset())


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
    assert typed_in(words).targets == targets


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
    assert typed_in(words).words == added


def test_keys_are_known_as_set_or_not() -> None:
    typed = typed_in(
        ["encoder._target_=a.B", "encoder.cell.forget_bias=2", "+encoder.more={a: 1, b: {c: 2}}", "encoder.empty={}"]
    )
    is_set = ("encoder.cell", "encoder.cell.forget_bias", "encoder.more", "encoder.more.b.c", "encoder.empty")
    assert all(map(typed.sets, is_set))
    assert not any(map(typed.sets, ("encoder.width", "encoder.cel", "encoder.cell.forget", "encoder.more.d")))
