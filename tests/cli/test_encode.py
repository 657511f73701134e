import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest

import seqlab
from seqlab.cli import main

TEXT = "Ada visited Paris .\n\nKurt\n"


@pytest.fixture
def vectors(model: str, tmp_path: Path) -> Path:
    """Return the file of the vectors of TEXT."""
    (tmp_path / "notes.txt").write_text(TEXT, encoding="utf-8")
    assert main(["encode", model, str(tmp_path / "notes.txt"), "-o", str(tmp_path / "v.parquet")]) == 0
    return tmp_path / "v.parquet"


def test_a_row_a_record(vectors: Path, model: str) -> None:
    table = parquet.read_table(vectors)
    assert table["text"].to_pylist() == TEXT.split("\n")[:3]
    expected = np.stack([one.summary for one in seqlab.load(model).encode(TEXT.split("\n")[:3])])
    np.testing.assert_allclose(np.stack(table["vector"].to_pylist()), expected, atol=1e-6)
    assert [path.name for path in vectors.parent.iterdir() if path.name.startswith(".")] == []


def test_a_row_a_step_from_a_stream(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conll_file: Path) -> None:
    data = b'{"id": 7, "tokens": ["Ada", "slept"]}\n{"tokens": []}\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert main(["encode", model, "--format", "jsonl", "--steps", "-o", str(tmp_path / "v.jsonl")]) == 0
    first, second = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text().splitlines()]
    assert (first["id"], [(s["start"], s["end"], s["text"]) for s in first["steps"]]) == ("7", [(0, 1, "Ada"), (1, 2, "slept")])
    assert {*first["steps"][0]} == {"start", "end", "label_tags", "text", "vector"}
    assert second == {"row": 1, "id": None, "steps": []}
    assert main(["encode", model, str(conll_file), "--steps", "-o", str(tmp_path / "v.npy")]) == 0
    assert len(np.load(tmp_path / "v.npy")) == 16


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nosuch.txt", "-o", "v.npy"], "nosuch.txt: cannot be read: No such file or directory"),
        (["-o", "nosuch/v.npy"], "--output nosuch/v.npy cannot be written"),
        (["-o", "nosuch/v.parquet"], "--output nosuch/v.parquet cannot be written: .*; choose a file in an existing folder"),
        (["-o", "v.csv"], "v.csv ends in '.csv'; expected one of .parquet, .jsonl, .npy"),
    ],
)
def test_mistakes_are_reported(
    model: str, words: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert main(["encode", model, *words]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    import re

    assert re.search(message, err), err


def test_a_fault_midway_leaves_the_old_file(vectors: Path, model: str) -> None:
    before = vectors.read_bytes()
    bad = vectors.with_name("bad.jsonl")
    bad.write_text('{"tokens": ["a"]}\n{"tokens": 3}\n', encoding="utf-8")
    assert main(["encode", model, str(bad), "-o", str(vectors)]) == 2
    assert vectors.read_bytes() == before
    assert {path.name for path in vectors.parent.iterdir()} == {"notes.txt", "bad.jsonl", "v.parquet"}


def test_search_finds_the_text_itself_first(vectors: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    words = ["--model", model, "--text", "Kurt", "--text", "Ada visited Paris .", "-k", "2", "--to", "jsonl"]
    assert main(["search", str(vectors), *words]) == 0
    kurt, ada = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (kurt["query"], kurt["nearest"][0]["place"], kurt["nearest"][0]["cosine"]) == ("Kurt", 2, 1.0)
    assert (ada["nearest"][0]["text"], len(ada["nearest"])) == ("Ada visited Paris .", 2)
    assert main(["search", str(vectors), "--row", "0", "-k", "1"]) == 0
    title, heading, row = (line.split() for line in capsys.readouterr().out.splitlines())
    assert (title, heading) == (["row", "0"], ["cosine", "place", "row", "text"])
    assert row == ["1.0000", "0", "0", "Ada", "visited", "Paris", "."]


def test_search_reads_queries_from_a_file(vectors: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    queries = vectors.with_name("queries.txt")
    queries.write_text("Kurt\n", encoding="utf-8")
    assert main(["search", str(vectors), "--model", model, "--queries", str(queries), "--to", "jsonl"]) == 0
    assert json.loads(capsys.readouterr().out)["nearest"][0]["text"] == "Kurt"
    queries.write_text("", encoding="utf-8")
    assert main(["search", str(vectors), "--model", model, "--queries", str(queries)]) == 0
    assert "no records, so nothing to search for" in capsys.readouterr().err


def test_mistaken_searches_are_reported(
    vectors: Path, model: str, runs: Mapping[str, seqlab.Run], capsys: pytest.CaptureFixture[str]
) -> None:
    other = str(runs["tags"].folder)
    for words, message in (
        (["--text", "a"], "--model is missing; expected the model that made"),
        (["--text", "a", "--model", other], "its vectors are from model"),
        (["--row", "3"], "expected 0 to 2, the rows of"),
        (["--row", "0", "-k", "0"], "-k is 0; expected at least 1"),
    ):
        capsys.readouterr()
        assert main(["search", str(vectors), *words]) == 2
        assert message in capsys.readouterr().err
    assert main(["search", str(vectors.with_name("notes.txt")), "--row", "0"]) == 2
    assert "cannot be read as Parquet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "one of the arguments --text --queries --row is required"),
        (["--text", "a", "--row", "1"], "argument --row: not allowed with argument --text"),
    ],
)
def test_queries_come_from_one_place(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["search", "vectors.parquet", *words])
    assert message in capsys.readouterr().err
