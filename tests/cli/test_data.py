import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from seqlab.cli import data
from seqlab.errors import ConfigError, DataError


def run(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    data.add_parser(parser.add_subparsers(required=True))
    arguments = parser.parse_args(["data", *map(str, words)])
    return int(arguments.run(arguments))


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "sound.conll"
    path.write_text("Ann\tB-PER\nran\tO\n\nBonn\tB-LOC\n", encoding="utf-8")
    return path


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.conll"
    path.write_text("Ann\tB-PER\nran\tO\n\nBonn\n\nLee\tB-LOC\nvon\tI-PER\n", encoding="utf-8")
    return path


def test_check_exits_0_for_sound_files(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", sound) == 0
    output = capsys.readouterr().out
    assert "0 error(s), 0 warning(s) in 1 file(s)" in output
    assert re.search(r"sound\.conll +conll +2 +3 +2 +BIO +0 +0", output)
    assert "\x1b" not in output


def test_check_exits_1_and_names_every_fault(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", broken, "--scheme", "BIO") == 1
    lines = capsys.readouterr().out.split("\n")
    assert lines[0].startswith(f"{broken}:4: error: 1 column(s); expected 2")
    assert lines[1].startswith(f"{broken}:7: error: tag 'I-PER' breaks BIO")


def test_check_reports_leaks_and_strict_exits_1(sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dev.conll").write_text("Bonn\tB-LOC\n", encoding="utf-8")

    assert run("check", sound, tmp_path / "dev.conll") == 0
    assert f"dev.conll:1: warning: same tokens as {sound}:4" in capsys.readouterr().out
    assert run("check", sound, tmp_path / "dev.conll", "--strict") == 1
    assert run("check", sound, "--strict") == 0


def test_check_of_a_folder_examines_its_files(sound: Path, broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", sound.parent) == 1
    assert "in 2 file(s)" in capsys.readouterr().out


def test_check_shows_few_warnings_by_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "".join(f"a{i}\u200b\tO\n\nb{i}\x07\tO\n\n" for i in range(8))
    (tmp_path / "x.conll").write_text(text, encoding="utf-8")

    run("check", tmp_path / "x.conll")
    output = capsys.readouterr().out
    assert (output.count("ZERO WIDTH SPACE"), output.count("control character U+0007")) == (5, 5)
    assert "… and 3 more warnings of the kind 'odd'" in output
    assert "… and 3 more errors of the kind 'control'" in output
    run("check", tmp_path / "x.conll", "--all")
    output = capsys.readouterr().out
    assert (output.count("ZERO WIDTH SPACE"), output.count("control character U+0007")) == (8, 8)


def test_check_prints_json(broken: Path, sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", broken, sound, "--json", "--scheme", "BIO") == 1
    report = json.loads(capsys.readouterr().out)

    first, second = report["files"]
    assert [(finding["line"], finding["kind"]) for finding in first["findings"]] == [(4, "format"), (7, "tags")]
    assert (second["records"], second["tokens"], second["scheme"]) == (2, 3, "BIO")
    assert second["labels"] == {"spans": {"PER": 1, "LOC": 1}}
    assert second["lengths"] == {"1": 1, "2": 1}
    assert report["leaks"][0]["lines"] == [[1, 1]]


def test_check_changes_settings_of_the_reader(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.conll").write_text("NN Bonn B-LOC\n", encoding="utf-8")

    assert run("check", tmp_path / "x.conll", "--set", "columns.tokens=1", "--set", "columns.tags=2", "--json") == 0
    assert json.loads(capsys.readouterr().out)["files"][0]["labels"] == {"spans": {"LOC": 1}}
    with pytest.raises(ConfigError, match=r"reader.colums is not an option of ConllReader; did you mean columns\?"):
        run("check", tmp_path / "x.conll", "--set", "colums.tokens=1")


@pytest.mark.parametrize(
    ("settings", "tags"),
    [
        (["columns={tokens:0,tags:1}"], {"tags": {"a": 1, "b": 1}}),
        (["columns={tokens: 0, tags: 1}"], {"tags": {"a": 1, "b": 1}}),
        (["data.reader.columns.tags=1"], {"tags": {"a": 1, "b": 1}}),
        (["columns.tags=null"], {}),
        (["columns.tags=2", "comment_prefix=#"], {"spans": {"X": 1}}),
    ],
)
def test_check_understands_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: list[str], tags: dict[str, dict[str, int]]
) -> None:
    (tmp_path / "x.conll").write_text("Ada|a|B-X\nmet|b|O\n", encoding="utf-8")
    words = [word for setting in ("separator=|", *settings) for word in ("--set", setting)]

    assert run("check", tmp_path / "x.conll", *words, "--json") == 0
    assert json.loads(capsys.readouterr().out)["files"][0]["labels"] == tags


@pytest.mark.parametrize("setting", ["text_column=review", "data.reader.text_column=review"])
def test_check_reads_the_text_column_that_its_own_message_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], setting: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("review,label\ngood,pos\nbad,neg\n", encoding="utf-8")
    assert run("check", path) == 1
    assert "x.csv:1: error: no column 'text' among ['review', 'label']; set data.reader.text_column" in capsys.readouterr().out
    assert run("check", path, "--set", setting, "--json") == 0
    assert json.loads(capsys.readouterr().out)["files"][0]["labels"] == {"label": {"neg": 1, "pos": 1}}


def test_check_refuses_columns_of_the_wrong_kind(sound: Path) -> None:
    with pytest.raises(ConfigError, match=r"reader.columns is \{'tokens': 'x', 'tags': 1\}; expected names with whole numbers"):
        run("check", sound, "--set", "columns={tokens:x,tags:1}")
    with pytest.raises(ConfigError, match=r"settings are \['columns=\[0'\]: .*; expected e.g. columns.tags=3"):
        run("check", sound, "--set", "columns=[0")


def test_check_refuses_unknown_formats_and_missing_files(sound: Path) -> None:
    with pytest.raises(ConfigError, match="format is 'xml'; expected one of conll, conllu"):
        run("check", sound, "--format", "xml")
    with pytest.raises(DataError, match="nowhere: cannot be read"):
        run("check", sound.with_name("nowhere"))


def test_convert_writes_a_file_and_lists_losses(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = sound.with_name("out.conll")
    scheme = ("--scheme-from", "BIO", "--scheme-to", "BIOES")

    assert run("convert", sound, target, *scheme) == 0
    assert target.read_text(encoding="utf-8") == "Ann\tS-PER\nran\tO\n\nBonn\tS-LOC\n\n"
    assert run("convert", sound, "--set", "columns={tokens: 0}", "-o", target) == 0
    assert capsys.readouterr().err == ""
    assert run("convert", sound, "--columns", "tokens", "-o", target) == 0
    assert capsys.readouterr().err == "note: conll has no place for tags: left out\n"


def test_convert_writes_to_standard_output(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("convert", sound, "--to", "jsonl", "-o", "-") == 0
    lines = capsys.readouterr().out.split("\n")
    assert json.loads(lines[0]) == {"id": "sound-1", "tokens": ["Ann", "ran"], "tags": ["B-PER", "O"]}


def test_convert_refuses_unclear_targets(sound: Path) -> None:
    with pytest.raises(ConfigError, match="OUT is given 0 times"):
        run("convert", sound, "--to", "jsonl")
    with pytest.raises(ConfigError, match="OUT is given 2 times"):
        run("convert", sound, "a.jsonl", "-o", "b.jsonl")
    with pytest.raises(ConfigError, match="target format is 'xml'; expected --to with one of conll"):
        run("convert", sound, "out.xml")


def test_importing_the_command_is_light() -> None:
    code = "import sys, seqlab.cli.data; print([m for m in ('torch', 'datasets', 'rich', 'hydra') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_convert_never_overwrites_its_input(sound: Path) -> None:
    before = sound.read_bytes()
    with pytest.raises(ConfigError, match="is the input; write to a different path"):
        run("convert", sound, sound)
    assert sound.read_bytes() == before
