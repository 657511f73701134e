"""Classes in bare Python files: admitted where the user names them, and nowhere else."""

import re
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from seqlab.config.build import build, known_targets
from seqlab.config.compose import compose, plain
from seqlab.config.overrides import Overrides
from seqlab.config.user_classes import admit, allowed
from seqlab.errors import ConfigError


def composed(*words: str) -> tuple[DictConfig, Overrides]:
    typed = Overrides.parse(words)
    return compose(["paths.run_dir=.", *typed.words]), typed


def is_imported(folder: Path) -> bool:
    return (folder / "imported").exists()


def test_a_class_that_the_user_names_is_built(folder: Path) -> None:
    config, typed = composed("encoder._target_=my_file.MyEncoder", "encoder.n_layers=3", "encoder.width=7")
    targets = admit(config, typed)
    assert targets == known_targets() | {"my_file.MyEncoder"}
    assert plain(config.encoder) == {"_target_": "my_file.MyEncoder", "width": 7, "n_layers": 3}
    encoder = build(plain(config.encoder), targets=targets, path="encoder", input_width=4)
    assert [layer.in_features for layer in encoder.layers] == [4, 7, 7]


def test_what_the_class_needs_stays_and_the_rest_is_left_out(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of what the replaced option set: not `depth`, which it does not take, nor `is_wide`, for which it has a default."""
    config, typed = composed("encoder=window", "encoder._target_=my_file.MyEncoder", "+encoder.n_layers=2")
    config.encoder = {**plain(config.encoder), "is_wide": True}
    admit(config, typed)
    assert plain(config.encoder) == {"_target_": "my_file.MyEncoder", "width": 300, "n_layers": 2}
    (record,) = caplog.records
    assert record.getMessage() == (
        "encoder: of the option it replaces, MyEncoder keeps width=300 and drops window, depth, activation, drop_prob, is_wide"
    )


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("encoder.widht=3", r"encoder\.widht is not an option of MyEncoder; did you mean width\? \(it takes width, n_layers"),
        ("encoder.depth=3", r"encoder\.depth is not an option of MyEncoder"),
        ("encoder.cell.forget_bias=3", r"encoder\.cell is not an option of MyEncoder"),
    ],
)
def test_what_the_user_typed_is_never_left_out(folder: Path, override: str, message: str) -> None:
    config, typed = composed("encoder._target_=my_file.MyEncoder", override)
    targets = admit(config, typed)
    with pytest.raises(ConfigError, match=message):
        build(plain(config.encoder), targets=targets, path="encoder", input_width=3)


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["embedding.parts.words._target_=my_file.MyEmbedding"], "embedding.parts.words"),
        (
            ["embedding.parts.words.field._target_=my_file.MyField", "embedding.parts.words.field.offset=1"],
            "embedding.parts.words.field",
        ),
        (["heads.tags._target_=my_file.MyHead"], "heads.tags"),
        (["+heads.more={_target_: my_file.MyHead, target: ${heads.tags.target}}"], "heads.more"),
        (["data=lines", "data.dir=.", "data.reader._target_=my_file.MyReader", "data.reader.upper=1"], "data.reader"),
        (["encoder=chain", "encoder.parts.recurrent._target_=my_file.MyEncoder"], "encoder.parts.recurrent"),
        (["+encoder.strategy._target_=my_file.Strategy"], "encoder.strategy"),
    ],
)
def test_every_part_may_be_the_users_own(folder: Path, words: list[str], place: str) -> None:
    config, typed = composed(*words)
    assert admit(config, typed) - known_targets() == {OmegaConf.select(config, place)["_target_"]}


def test_a_module_beside_the_file_is_found(folder: Path) -> None:
    (folder / "layers.py").write_text("WIDTH = 3\n")
    (folder / "importing.py").write_text("import layers\nfrom my_file import MyEncoder as Other\n")
    (folder / "parts").mkdir()
    (folder / "parts" / "__init__.py").write_text("")
    (folder / "parts" / "encoders.py").write_text("from my_file import MyEncoder\n")
    for target in ("importing.Other", "parts.encoders.MyEncoder"):
        config, typed = composed(f"encoder._target_={target}")
        assert target in admit(config, typed)


def test_a_class_of_an_installed_package_may_be_named_too(folder: Path) -> None:
    config, typed = composed("optimizer._target_=torch.optim.Adamax", "optimizer.lr=0.5")
    targets = admit(config, typed)
    make = build(plain(config.optimizer), targets=targets, path="optimizer")
    assert make([torch.nn.Parameter(torch.zeros(2))]).defaults["lr"] == 0.5


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "encoder._target_=my_fle.MyEncoder",
            r"no my_fle\.py in .*/here, nor an .* my_fle; did you mean my_file\?",
        ),
        ("encoder._target_=zzzzzz.MyEncoder", r"there is no zzzzzz\.py in .*/here, nor an installed package zzzzzz$"),
        ("encoder._target_=my_file.MyEncodr", r"my_file has no MyEncodr; did you mean MyEncoder\?; the file has MyEncoder$"),
        ("encoder._target_=my_file.Encodre", r"my_file has no Encodre; did you mean MyEncoder\?"),
        (
            "encoder._target_=my_file.MyField",
            r"'my_file\.MyField', which is not a subclass of seqlab\.encoders\.Encoder; the file",
        ),
        ("encoder._target_=my_file.function", r"is 'my_file\.function', which is not a subclass of seqlab\.encoders\.Encoder"),
        (
            "encoder._target_=my_file.Unfinished",
            r"is 'my_file\.Unfinished', which lacks forward, as every seqlab\.",
        ),
        (
            "encoder._target_=MyEncoder",
            r"is 'MyEncoder'; expected FILE\.CLASS of a file in this folder, as in my_file\.",
        ),
        ("encoder._target_=os.system", r"is 'os\.system', which is not a subclass of seqlab\.encoders\.Encoder"),
        ("encoder._target_=broken.MyEncoder", r"importing broken fails: .*/here/broken\.py:2: invalid syntax"),
        ("encoder._target_=raising.MyEncoder", r"importing raising fails: .*/here/raising\.py:3: KeyError: 'x'"),
        ("encoder._target_=leaving.MyEncoder", r"importing leaving fails: .*/here/leaving\.py:1: SystemExit: 7"),
        (
            "encoder._target_=lacking.MyEncoder",
            r"importing lacking fails: .*/here/lacking\.py:1: ModuleNotFoundError",
        ),
        ("encoder._target_=time.MyEncoder", r"but the name time belongs to Python itself; rename .*/here/time\.py"),
        (
            "encoder._target_=pytest.MyEncoder",
            r"the name pytest belongs to /.*/pytest/__init__\.py; rename .*/here/pytest\.py",
        ),
        ("data.reader._target_=my_file.MyEncoder", r"which is not a subclass of seqlab\.data\.readers\.Reader"),
        ("heads.tags.target._target_=my_file.MyEncoder", r"which is not a subclass of seqlab\.data\.fields\.Field"),
    ],
)
def test_what_is_wrong_with_a_file_is_reported_in_one_line(folder: Path, word: str, message: str) -> None:
    (folder / "broken.py").write_text("\nx = = 1\n")
    (folder / "raising.py").write_text("def f():\n    pass\nraise KeyError('x')\n")
    (folder / "leaving.py").write_text("raise SystemExit(7)\n")
    (folder / "lacking.py").write_text("import nowhere.to.be.found\n")
    (folder / "time.py").write_text("")
    (folder / "pytest.py").write_text("")
    config, typed = composed(word)
    with pytest.raises(ConfigError, match=message) as caught:
        admit(config, typed)
    assert str(caught.value).startswith(word.partition("=")[0])
    assert "\n" not in str(caught.value)


def test_a_place_that_takes_no_class_of_ones_own_admits_none(folder: Path) -> None:
    config, typed = composed("scheduler=cosine", "scheduler.factory._target_=my_file.Strategy")
    assert admit(config, typed) == known_targets()
    assert not is_imported(folder)


def test_a_class_that_a_config_names_is_not_imported(folder: Path) -> None:
    config, _ = composed("encoder._target_=my_file.MyEncoder")
    for words in ([], ["encoder.width=3"], ["heads.tags._target_=seqlab.heads.SoftmaxTokenHead"]):
        targets = admit(config, Overrides.parse(words))
        with pytest.raises(ConfigError, match=r"'my_file\.MyEncoder', which no config file of seqlab or an installed plugin"):
            build(plain(config.encoder), targets=targets, path="encoder", input_width=3)
    assert not is_imported(folder)


def test_allowing_takes_names_of_parts_only(folder: Path) -> None:
    names = ["my_file.MyEncoder", "my_file.MyReader", "my_file.MyField", "my_file.Strategy", "torch.nn.GELU"]
    assert allowed(names) == set(names)
    for name in ("subprocess.Popen", "my_file.function", "os.system"):
        with pytest.raises(ConfigError, match=rf"allow is '{re.escape(name)}', which is not a subclass of torch\.nn\.Module, "):
            allowed([name])
    with pytest.raises(ConfigError, match=r"allow is 'my_file\.MyEncoder'; expected a list"):
        allowed("my_file.MyEncoder")
