"""Plugins that are broken or built for another seqlab: named, and without harm to the rest."""

import logging
import re
from pathlib import Path
from typing import Any

import pytest

from seqlab import __version__
from seqlab.config.build import build, known_targets
from seqlab.config.compose import compose, options_of
from seqlab.config.plugins import discover
from seqlab.errors import ConfigError


def test_a_plugin_without_conf_is_reported_of_once_and_harms_nothing(install: Any, caplog: pytest.LogCaptureFixture) -> None:
    package = install("bare", options={})
    for _ in range(2):
        assert compose(["encoder=gru"]).encoder.width
        assert known_targets()
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert re.search(
        rf"plugin 'bare' \(seqlab-bare 1\.2\) is left out: package 'seqlab_bare' has no folder `conf` \(looked in {package}\);"
        r" reinstall it, or silence this: SEQLAB_WITHOUT=bare",
        record.message,
    )


def test_a_plugin_whose_package_is_gone_is_named(install: Any, tmp_path: Path) -> None:
    install("gone").rename(tmp_path / "elsewhere")
    assert (
        "there is no package 'seqlab_gone', which its entry point names; reinstall it, or silence this: SEQLAB_WITHOUT=gone"
        in install.left_out("gone").reason
    )


def test_a_module_has_no_conf_beside_it(install: Any) -> None:
    package = install("alone")
    (package / "conf").rename(install.folder / "conf")
    (package / "__init__.py").rename(install.folder / "alone_module.py")
    package.rmdir()
    (install.folder / "alone_module.py").rename(install.folder / "seqlab_alone.py")
    install.forget()
    assert re.search(r"seqlab_alone\.py, which has no folder `conf`", install.left_out("alone").reason)


@pytest.mark.parametrize("value", ["outer.inner", "seqlab_deep:attribute"])
def test_an_entry_point_that_names_no_package_at_the_top_imports_nothing(install: Any, value: str) -> None:
    (install.folder / "outer").mkdir()
    (install.folder / "outer" / "__init__.py").write_text("raise SystemExit('imported')\n")
    install("deep")
    points = install.folder / "seqlab_deep-1.2.dist-info" / "entry_points.txt"
    points.write_text(f"[seqlab.plugins]\ndeep = {value}\n")
    install.forget()
    assert re.search(
        rf"its entry point names '{value}'; expected a package at the top, as seqlab_deep", install.left_out("deep").reason
    )


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
    assert re.search(reason, install.left_out("broken").reason)
    assert re.search(
        rf"encoder=doubled is an option of plugin 'broken' .* is left out: .*{reason}", install.answer("encoder=doubled")
    )


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
        assert re.search(
            rf"it is built for seqlab.*, and this is seqlab {__version__}; upgrade one", install.left_out("bound").reason
        )
        assert "encoder=doubled is an option of plugin 'bound'" in install.answer("encoder=doubled")
        assert "seqlab_bound.Doubled" not in known_targets()


def test_a_class_that_is_not_where_the_option_says_is_reported(install: Any) -> None:
    install("twice", options={"encoder/doubled": "_target_: {package}.Dubled\n"})
    with pytest.raises(ConfigError, match=r"'seqlab_twice\.Dubled', but seqlab_twice has no Dubled; reinstall what brings it"):
        build({"_target_": "seqlab_twice.Dubled"}, targets=known_targets(), path="encoder")


def test_a_plugin_that_cannot_be_imported_is_reported_by_its_line(install: Any) -> None:
    package = install("broken", code="import json\n\njson.nothing\n")
    with pytest.raises(
        ConfigError, match=rf"importing seqlab_broken fails: {package}/__init__\.py:3: AttributeError: .*nothing"
    ):
        build({"_target_": "seqlab_broken.Doubled"}, targets=known_targets(), path="encoder")


def test_a_mistake_in_a_constructor_is_reported_by_its_line(install: Any) -> None:
    code = "class Doubled:\n    def __init__(self, *, input_width, factor):\n        self.width = self.widht\n"
    package = install("broken", code=code)
    node = {"_target_": "seqlab_broken.Doubled", "factor": 1}
    with pytest.raises(ConfigError, match=rf"encoder: Doubled fails: {package}/__init__\.py:3: AttributeError: .*widht"):
        build(node, targets=known_targets(), path="encoder", input_width=3)


def test_a_plugin_that_leaves_when_it_is_imported_is_reported_by_its_line(install: Any) -> None:
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


def test_what_a_distribution_without_points_says_of_itself_is_not_read(install: Any) -> None:
    install("twice")
    info = install.folder / "elsewhere-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_bytes(b"Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.2\nSummary: caf\xe9\n")
    install.forget()
    assert install.found("twice").version == "1.2"
