"""Plugins as users install them: a distribution with an entry point, and a package with a `conf` folder."""

import logging
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra.errors import MissingConfigException

from seqlab import __version__
from seqlab.config import build, compose, known_targets, options_of, plain
from seqlab.errors import ConfigError
from seqlab.overrides import explain
from seqlab.paths import config_dir
from seqlab.plugins import LeftOut, Plugin, discover, providers


def re_found(pattern: str, text: str) -> bool:
    """Return True; fail with the text where the pattern is not in it."""
    assert re.search(pattern, text), f"{pattern!r} is not in {text!r}"
    return True


def plugin(name: str) -> Plugin:
    (found,) = [one for one in discover().plugins if one.name == name]
    return found


def left_out(name: str) -> LeftOut:
    (found,) = [one for one in discover().left_out if one.name == name]
    return found


def answer(override: str) -> str:
    """Return what a user is told who asks for an option that is not there."""
    with pytest.raises(MissingConfigException) as caught:
        compose([override])
    return str(explain(caught.value, [override]))


def test_a_plugin_is_found_with_its_distribution_and_options(install: Any) -> None:
    package = install("twice")
    found = plugin("twice")
    assert (found.distribution, found.version, found.folder, found.origin) == ("seqlab-twice", "1.2", package, "installed")
    assert found.options() == {"encoder/doubled": package / "conf" / "encoder" / "doubled.yaml"}
    assert found.groups() == {"encoder": ["doubled"]}
    assert found.targets(None) == {"seqlab_twice.Doubled"}


def test_seqlab_itself_comes_the_same_way_and_first() -> None:
    core = providers()[0]
    assert (core.name, core.distribution, core.version) == ("seqlab", "seqlab", __version__)
    assert core.conf_dir == config_dir()
    assert set(core.options()) == {p.relative_to(config_dir()).with_suffix("").as_posix() for p in config_dir().rglob("*.yaml")}
    assert "lstm" in core.groups()["encoder"]
    assert "torch.optim.AdamW" in core.targets(None) - core.targets(("encoder",))


def test_its_option_composes_without_importing_it(install: Any) -> None:
    install("twice")
    assert plain(compose(["encoder=doubled"]))["encoder"] == {"_target_": "seqlab_twice.Doubled", "factor": 2.0}
    assert "doubled" in options_of("encoder")
    assert "seqlab_twice.Doubled" in known_targets()
    assert "seqlab_twice" not in sys.modules


def test_its_class_is_built_like_any_other(install: Any) -> None:
    install("twice")
    node = plain(compose(["encoder=doubled", "encoder.factor=3"]))["encoder"]
    encoder = build(node, targets=known_targets(), path="encoder", input_width=4)
    assert (encoder.output_width, encoder.factor) == (4, 3)


def test_a_mistyped_option_lists_that_of_the_plugin(install: Any) -> None:
    install("twice")
    assert "did you mean encoder=doubled?; encoder has chain, doubled, gru" in answer("encoder=doubledd")


@pytest.mark.parametrize("name", ["twice", "seqlab-twice"])
def test_without_the_plugin_its_option_and_class_are_gone(
    install: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    install("twice")
    install("other", options={"encoder/other": "_target_: {package}.Doubled\nfactor: 1.0\n"})
    monkeypatch.setenv("SEQLAB_WITHOUT", f"{name}, ")
    install.forget()
    assert not caplog.records, "nobody needs to be told of what was asked for"
    assert "doubled" not in options_of("encoder")
    assert "other" in options_of("encoder")
    assert re_found(
        r"is an option of plugin 'twice' \(seqlab-twice 1\.2\), .*SEQLAB_WITHOUT names it", answer("encoder=doubled")
    )
    with pytest.raises(ConfigError, match=r"'seqlab_twice\.Doubled', which no config file .*'twice' .*SEQLAB_WITHOUT names it"):
        build({"_target_": "seqlab_twice.Doubled"}, targets=known_targets(), path="encoder")


def test_a_name_to_leave_out_that_no_plugin_has_is_told(
    install: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    install("twice")
    monkeypatch.setenv("SEQLAB_WITHOUT", "twise")
    install.forget()
    assert plain(compose(["encoder=doubled"]))["encoder"]["factor"] == 2.0
    (record,) = caplog.records
    assert re_found(
        r"SEQLAB_WITHOUT names 'twise', which is no plugin .*; did you mean twice\?; installed: .*twice", record.message
    )


def test_of_two_plugins_with_one_option_neither_wins(install: Any, caplog: pytest.LogCaptureFixture) -> None:
    alone = "_target_: {package}.Doubled\nfactor: 7.0\n"
    install("first")
    second = install("second", options={"encoder/doubled": alone, "encoder/tripled": alone})
    install("third", options={"encoder/third": alone})
    assert plain(compose(["encoder=third"]))["encoder"]["factor"] == 7.0
    both = r"'encoder/doubled' is added by both seqlab-second 1\.2 and seqlab-first 1\.2"
    remedy = r"leave one out with SEQLAB_WITHOUT=second or SEQLAB_WITHOUT=first"
    assert re_found(rf"{both} \({second}/conf/encoder/doubled\.yaml\); {remedy}", left_out("second").reason)
    lines = [record.message for record in caplog.records]
    assert len(lines) == 2
    assert all(re_found(r"plugin '(first|second)' \(seqlab-\1 1\.2\) is left out: .*both", line) for line in lines)
    assert re_found(
        r"encoder=doubled is an option of plugin 'first' .*, which is left out: .*by both", answer("encoder=doubled")
    )
    assert re_found(
        r"encoder=tripled is an option of plugin 'second' .*, which is left out: .*by both", answer("encoder=tripled")
    )


def test_of_two_plugins_with_one_option_a_user_chooses(install: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    install("first")
    install("second", options={"encoder/doubled": "_target_: {package}.Doubled\nfactor: 7.0\n"})
    monkeypatch.setenv("SEQLAB_WITHOUT", "first")
    install.forget()
    assert plain(compose(["encoder=doubled"]))["encoder"]["_target_"] == "seqlab_second.Doubled"


def test_models_of_plugins_that_share_an_option_load_none_the_less(install: Any) -> None:
    install("first")
    install("second")
    assert {"seqlab_first.Doubled", "seqlab_second.Doubled"} <= known_targets()
    made = build({"_target_": "seqlab_first.Doubled", "factor": 3.0}, targets=known_targets(), path="encoder", input_width=4)
    assert type(made).__module__ == "seqlab_first"


def test_an_option_of_seqlab_itself_stays(install: Any) -> None:
    option = "_target_: {package}.Doubled\nfactor: 2.0\n"
    package = install("twice", options={"encoder/lstm": option, "encoder/gru": option, "encoder/doubled": option})
    assert plain(compose(["encoder=lstm"]))["encoder"]["_target_"] == "seqlab.encoders.RecurrentEncoder"
    assert re_found(
        rf"'encoder/gru' is added by both seqlab {__version__} and seqlab-twice 1\.2 \({package}/.*\) \(and 1 more\); rename",
        left_out("twice").reason,
    )
    assert "which is left out: option 'encoder/gru' is added by both" in answer("encoder=doubled")


def test_no_plugin_speaks_for_the_user(install: Any) -> None:
    install("sly", options={"local/default": "seed: 666\n"})
    assert compose([]).seed != 666
    assert re_found(r"'local/default' \(.*\) would be part of every run", left_out("sly").reason)


def test_two_plugins_of_one_name_are_told_apart_by_their_distributions(install: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    install("first", point="same")
    install("second", point="same")
    reasons = [one.reason for one in discover().left_out if one.name == "same"]
    assert len(reasons) == 2
    assert all("SEQLAB_WITHOUT=seqlab-first" in reason and "SEQLAB_WITHOUT=seqlab-second" in reason for reason in reasons)
    monkeypatch.setenv("SEQLAB_WITHOUT", "seqlab-first")
    install.forget()
    assert plugin("same").distribution == "seqlab-second"


def test_a_plugin_without_conf_is_told_of_once_and_harms_nothing(install: Any, caplog: pytest.LogCaptureFixture) -> None:
    package = install("bare", options={})
    for _ in range(2):
        assert compose(["encoder=gru"]).encoder.width
        assert known_targets()
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert re_found(
        rf"plugin 'bare' \(seqlab-bare 1\.2\) is left out: package 'seqlab_bare' has no folder `conf` \(looked in {package}\);"
        r" reinstall it, or silence this: SEQLAB_WITHOUT=bare",
        record.message,
    )


def test_a_plugin_whose_package_is_gone_is_named(install: Any, tmp_path: Path) -> None:
    install("gone").rename(tmp_path / "elsewhere")
    assert (
        "there is no package 'seqlab_gone', which its entry point names; reinstall it, or silence this: SEQLAB_WITHOUT=gone"
        in left_out("gone").reason
    )


def test_a_module_has_no_conf_beside_it(install: Any) -> None:
    package = install("alone")
    (package / "conf").rename(install.folder / "conf")
    (package / "__init__.py").rename(install.folder / "alone_module.py")
    package.rmdir()
    (install.folder / "alone_module.py").rename(install.folder / "seqlab_alone.py")
    install.forget()
    assert re_found(r"seqlab_alone\.py, which has no folder `conf`", left_out("alone").reason)


@pytest.mark.parametrize("value", ["outer.inner", "seqlab_deep:attribute"])
def test_an_entry_point_that_names_no_package_at_the_top_imports_nothing(install: Any, value: str) -> None:
    (install.folder / "outer").mkdir()
    (install.folder / "outer" / "__init__.py").write_text("raise SystemExit('imported')\n")
    install("deep")
    points = install.folder / "seqlab_deep-1.2.dist-info" / "entry_points.txt"
    points.write_text(f"[seqlab.plugins]\ndeep = {value}\n")
    install.forget()
    assert re_found(rf"its entry point names '{value}'; expected a package at the top, as seqlab_deep", left_out("deep").reason)


@pytest.mark.parametrize(
    ("yaml", "reason"),
    [
        ("_target_: [\n", r"seqlab_broken/conf/encoder/doubled\.yaml: not readable as YAML \(.*line 2"),
        ("- _target_: seqlab_broken.Doubled\n", r"seqlab_broken/conf/encoder/doubled\.yaml: holds a list; expected the keys"),
    ],
)
def test_a_plugin_with_broken_yaml_is_named_and_harms_nothing(install: Any, yaml: str, reason: str) -> None:
    install("broken", options={"encoder/doubled": yaml})
    assert compose(["encoder=gru"]).encoder.width
    assert "seqlab_broken.Doubled" not in known_targets()
    assert re_found(reason, left_out("broken").reason)
    assert re_found(rf"encoder=doubled is an option of plugin 'broken' .* is left out: .*{reason}", answer("encoder=doubled"))


@pytest.mark.parametrize(
    ("requirement", "is_met"),
    [
        ("seqlab", True),
        (f"seqlab=={__version__}", True),
        ("Seqlab >=0.0.1,<99", True),
        ("seqlab>=99", False),
        ("seqlab<0.1", False),
        ("seqlab[plots]==77.*", False),
        ("seqlab>=99; python_version < '3'", True),
        ("seqlab>=99; extra == 'later'", True),
        ("seqlab-other>=99", True),
        ("no requirement at all", True),
    ],
)
def test_a_plugin_is_used_with_the_seqlab_that_it_is_built_for(install: Any, requirement: str, is_met: bool) -> None:
    install("bound", requires=(requirement,))
    assert ("doubled" in options_of("encoder")) == is_met
    if not is_met:
        assert re_found(rf"it is built for seqlab.*, and this is seqlab {__version__}; upgrade one", left_out("bound").reason)
        assert "encoder=doubled is an option of plugin 'bound'" in answer("encoder=doubled")
        assert "seqlab_bound.Doubled" not in known_targets()


def test_a_file_that_shadows_a_plugin_is_named(install: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("hidden")
    working = tmp_path / "working"
    working.mkdir()
    (working / "seqlab_hidden.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(str(working))
    install.forget()
    assert re_found(
        rf"package 'seqlab_hidden' \(installed in {install.folder}/seqlab_hidden\) is shadowed by {working}/seqlab_hidden\.py",
        left_out("hidden").reason,
    )


def test_another_copy_of_a_plugin_is_used_and_known_as_such(
    install: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = install("copied")
    checkout = tmp_path / "checkout" / "seqlab_copied"
    (checkout / "conf" / "encoder").mkdir(parents=True)
    (checkout / "__init__.py").write_text("")
    (checkout / "conf" / "encoder" / "newer.yaml").write_text("_target_: seqlab_copied.Newer\n")
    monkeypatch.syspath_prepend(str(checkout.parent))
    install.forget()
    found = plugin("copied")
    assert (found.folder, found.installed_at) == (checkout, installed)
    assert found.groups() == {"encoder": ["newer"]}


def test_an_editable_plugin_is_known_as_such(install: Any) -> None:
    install("edited")
    info = install.folder / "seqlab_edited-1.2.dist-info"
    url = install.folder.as_uri()
    (info / "direct_url.json").write_text(f'{{"url": "{url}", "dir_info": {{"editable": true}}}}')
    install.forget()
    assert (plugin("edited").origin, plugin("edited").installed_at) == ("editable", None)


def test_a_class_that_is_not_where_the_option_says_is_told(install: Any) -> None:
    install("twice", options={"encoder/doubled": "_target_: {package}.Dubled\n"})
    with pytest.raises(ConfigError, match=r"'seqlab_twice\.Dubled', but seqlab_twice has no Dubled; reinstall what brings it"):
        build({"_target_": "seqlab_twice.Dubled"}, targets=known_targets(), path="encoder")


def test_a_plugin_that_cannot_be_imported_is_told_by_its_line(install: Any) -> None:
    package = install("broken", code="import json\n\njson.nothing\n")
    with pytest.raises(
        ConfigError, match=rf"importing seqlab_broken fails: {package}/__init__\.py:3: AttributeError: .*nothing"
    ):
        build({"_target_": "seqlab_broken.Doubled"}, targets=known_targets(), path="encoder")


def test_a_mistake_in_a_constructor_is_told_by_its_line(install: Any) -> None:
    code = "class Doubled:\n    def __init__(self, *, input_width, factor):\n        self.width = self.widht\n"
    package = install("broken", code=code)
    node = {"_target_": "seqlab_broken.Doubled", "factor": 1}
    with pytest.raises(ConfigError, match=rf"encoder: Doubled fails: {package}/__init__\.py:3: AttributeError: .*widht"):
        build(node, targets=known_targets(), path="encoder", input_width=3)


def test_a_plugin_that_leaves_when_it_is_imported_is_told_by_its_line(install: Any) -> None:
    package = install("leaving", code="raise SystemExit('bye')\n")
    node = {"_target_": "seqlab_leaving.Doubled"}
    with pytest.raises(
        ConfigError, match=rf"importing seqlab_leaving fails: {re.escape(str(package))}/__init__\.py:1: SystemExit: bye"
    ):
        build(node, targets=known_targets(), path="encoder")


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("METADATA", "", "METADATA of its installation has no name; reinstall it"),
        ("METADATA", "Metadata-Version: 2.1\nName: seqlab-hurt\n", "METADATA of its installation has no version; reinstall it"),
        (
            "entry_points.txt",
            "[seqlab.plugins]\nhurt\n",
            r"entry_points\.txt of its installation cannot be read \(.*\); reinstall it",
        ),
    ],
)
def test_a_damaged_installation_is_named_and_harms_nothing(install: Any, file: str, content: str, reason: str) -> None:
    install("twice")
    install("hurt", options={"encoder/hurt": "_target_: {package}.Doubled\nfactor: 1\n"})
    (install.folder / "seqlab_hurt-1.2.dist-info" / file).write_text(content, encoding="utf-8")
    install.forget()
    found = discover()
    assert "twice" in [one.name for one in found.plugins]
    (hurt,) = [one for one in found.left_out if one.name != "twice"]
    assert re.fullmatch(reason, hurt.reason)


def test_of_distributions_with_one_name_the_first_on_the_path_counts(
    install: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("twice")
    shutil.copytree(install.folder, tmp_path / "again")
    monkeypatch.syspath_prepend(str(tmp_path / "again"))
    install.forget()
    assert [one.folder.parent for one in discover().plugins if one.name == "twice"] == [tmp_path / "again"]
