"""Plugins that want the same place: two of them, or one and seqlab."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from seqlab import __version__
from seqlab.config.build import build, known_targets
from seqlab.config.compose import compose, plain
from seqlab.config.plugins import discover


def test_of_two_plugins_with_one_option_neither_wins(install: Any, caplog: pytest.LogCaptureFixture) -> None:
    alone = "_target_: {package}.Doubled\nfactor: 7.0\n"
    install("first")
    second = install("second", options={"encoder/doubled": alone, "encoder/tripled": alone})
    install("third", options={"encoder/third": alone})
    assert plain(compose(["encoder=third"]))["encoder"]["factor"] == 7.0
    both = r"'encoder/doubled' is added by both seqlab-second 1\.2 and seqlab-first 1\.2"
    remedy = r"leave one out with SEQLAB_WITHOUT=second or SEQLAB_WITHOUT=first"
    assert re.search(rf"{both} \({second}/conf/encoder/doubled\.yaml\); {remedy}", install.left_out("second").reason)
    lines = [record.message for record in caplog.records]
    assert len(lines) == 2
    assert all(re.search(r"plugin '(first|second)' \(seqlab-\1 1\.2\) is left out: .*both", line) for line in lines)
    assert re.search(
        r"encoder=doubled is an option of plugin 'first' .*, which is left out: .*by both", install.answer("encoder=doubled")
    )
    assert re.search(
        r"encoder=tripled is an option of plugin 'second' .*, which is left out: .*by both", install.answer("encoder=tripled")
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
    assert re.search(
        rf"'encoder/gru' is added by both seqlab {__version__} and seqlab-twice 1\.2 \({package}/.*\) \(and 1 more\); rename",
        install.left_out("twice").reason,
    )
    assert "which is left out: option 'encoder/gru' is added by both" in install.answer("encoder=doubled")


def test_no_plugin_speaks_for_the_user(install: Any) -> None:
    install("sly", options={"local/default": "seed: 666\n"})
    assert compose([]).seed != 666
    assert re.search(r"'local/default' \(.*\) would be part of every run", install.left_out("sly").reason)


def test_plugins_of_one_name_are_named_by_their_distributions(install: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    install("first", point="same")
    install("second", point="same")
    reasons = [one.reason for one in discover().left_out if one.name == "same"]
    assert len(reasons) == 2
    assert all("SEQLAB_WITHOUT=seqlab-first" in reason and "SEQLAB_WITHOUT=seqlab-second" in reason for reason in reasons)
    monkeypatch.setenv("SEQLAB_WITHOUT", "seqlab-first")
    install.forget()
    assert install.found("same").distribution == "seqlab-second"


def test_a_file_that_shadows_a_plugin_is_named(install: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("hidden")
    working = tmp_path / "working"
    working.mkdir()
    (working / "seqlab_hidden.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(str(working))
    install.forget()
    assert re.search(
        rf"package 'seqlab_hidden' \(installed in {install.folder}/seqlab_hidden\) is shadowed by {working}/seqlab_hidden\.py",
        install.left_out("hidden").reason,
    )


def test_of_distributions_with_one_name_the_first_on_the_path_counts(
    install: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("twice")
    shutil.copytree(install.folder, tmp_path / "again")
    monkeypatch.syspath_prepend(str(tmp_path / "again"))
    install.forget()
    assert [one.folder.parent for one in discover().plugins if one.name == "twice"] == [tmp_path / "again"]


def test_a_distribution_without_points_hides_one_of_its_name_that_comes_later(
    install: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("twice")
    first = tmp_path / "again"
    shutil.copytree(install.folder, first)
    (first / "seqlab_twice-1.2.dist-info" / "entry_points.txt").unlink()
    monkeypatch.syspath_prepend(str(first))
    install.forget()
    assert "twice" not in [one.name for one in (*discover().plugins, *discover().left_out)]
