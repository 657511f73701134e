import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import seqlab
from seqlab.cli import main

Predict = Callable[..., bytes]
NASTY = (
    "\ufeff-DOCSTART-\tO\r\n",
    "\r\n",
    "Ada\tx\r\n",
    "Love\u00a0lace\tx\r\n",
    "\t\r\n",
    "\t \r\n",
    "#tag\t\u2028\r\n",
    "😀\tx\n",
    "\n",
    "\n",
    "y" * 10_000 + "\tx\n",
    "\n",
    "Oslo\t",
)


@pytest.fixture
def predict(capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, model: str) -> Predict:
    """Return a call of `seqlab predict` on the bytes `data`, or without them on the files in its words."""

    def call(*words: str, data: bytes | None = None, run: str = model) -> bytes:
        if data is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert main(["predict", run, *words]) == 0
        return capsysbinary.readouterr().out

    return call


def json_lines(out: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.decode().split("\n")[:-1]]


@pytest.fixture
def mistake(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, model: str) -> Callable[..., str]:
    """Return a call of `seqlab predict` that fails, giving what it says."""

    def call(*words: str, data: bytes = b"", run: str = model) -> str:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert main(["predict", run, *words]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        return err.removeprefix("error: ").rstrip("\n")

    return call


def test_text_gives_a_record_a_line_with_exact_offsets(predict: Predict) -> None:
    texts = ["Ada Lovelace visited New York.", "", "  ", "Oslo", "😀 it's Kurt", "z" * 10_000]
    records = json_lines(predict("-", data="\n".join(texts).encode()))
    assert [record["text"] for record in records] == texts
    for record in records:
        spelled = [record["text"][start:end] for start, end in record["offsets"]]
        head = record["predictions"]["tags"]
        assert spelled == record["tokens"]
        assert len(head["labels"]) == len(head["confidences"]) == len(record["tokens"])
        assert all(0 <= confidence <= 1 for confidence in head["confidences"])
    (person, place) = records[0]["predictions"]["tags"]["spans"]
    assert (person["label"], person["text"], person["text_start"], person["text_end"]) == ("PER", "Ada Lovelace", 0, 12)
    assert (place["label"], place["start"], place["end"], place["text_start"]) == ("LOC", 3, 5, 21)


def test_conll_comes_back_line_for_line(predict: Predict, tmp_path: Path) -> None:
    path = tmp_path / "nasty.conll"
    path.write_bytes("".join(NASTY).encode())
    given = path.read_bytes().split(b"\n")
    came = predict(str(path), "--to", "conll").split(b"\n")
    assert len(came) == len(given)
    n_tokens = 0
    for line, labelled in zip(given, came, strict=True):
        text, end = line.removesuffix(b"\r"), line[len(line.removesuffix(b"\r")) :]
        if labelled == line:
            assert not text.strip(b" \t") or b"-DOCSTART-" in text
        else:
            n_tokens += 1
            before, _, label = labelled.removesuffix(end).rpartition(b"\t")
            assert before == text
            assert label in {b"O", b"B-PER", b"I-PER", b"B-LOC", b"I-LOC"}
    assert n_tokens == 6


@pytest.mark.parametrize("n_bytes", [1, 7, 1 << 18])
def test_output_does_not_depend_on_how_the_input_is_read(
    predict: Predict, monkeypatch: pytest.MonkeyPatch, n_bytes: int
) -> None:
    data = "".join(NASTY[:10]).encode()
    words = ("--format", "conll", "--to", "conll")
    whole = predict(*words, data=data)
    monkeypatch.setattr("seqlab.inference.lines.CHUNK_BYTES", n_bytes)
    assert predict(*words, data=data) == whole


def test_jsonl_passes_keys_through(predict: Predict) -> None:
    given = [
        {"id": "é", "text": "Kurt", "meta": {"n": [1, None]}},
        {"tokens": ["Ada", "visited"], "tags": ["O", "O"]},
        {"tokens": []},
    ]
    data = "\n\n".join(json.dumps(record) for record in given).encode()
    records = json_lines(predict("--format", "jsonl", data=data))
    assert len(records) == 3
    for record, came in zip(given, records, strict=True):
        assert {key: came[key] for key in record} == record
        assert set(came) - set(record) <= {"tokens", "offsets", "predictions"}


def test_jsonl_that_came_out_goes_in_again(predict: Predict) -> None:
    first = predict(data=b"Ada visited  New York\n")
    assert predict("--format", "jsonl", data=first) == first


def test_text_becomes_conll(predict: Predict) -> None:
    assert predict("--to", "conll", data=b"Kurt saw Oslo\n\n") == b"Kurt\tB-PER\nsaw\tO\nOslo\tB-LOC\n\n\n"


@pytest.mark.parametrize("form", ["conll", "jsonl", "terminal"])
@pytest.mark.parametrize("source", ["text", "conll", "jsonl"])
def test_empty_input_gives_empty_output(predict: Predict, source: str, form: str) -> None:
    assert predict("--format", source, "--to", form, data=b"") == b""


def test_terminal_is_plain_where_there_is_none(predict: Predict) -> None:
    assert predict("--to", "terminal", data=b"Kurt saw Oslo\n") == b"[Kurt | PER] saw [Oslo | LOC]\n"


def test_format_of_the_input_is_that_of_its_ending(predict: Predict, tmp_path: Path) -> None:
    for name, content in (
        ("a.JSONL", '{"text": "Kurt"}'),
        ("a.bio", "Kurt O"),
        ("a.tsv", "Kurt\tO"),
        ("a.txt", "Kurt"),
    ):
        path = tmp_path / name
        path.write_text(content)
        (record,) = json_lines(predict(str(path)))
        assert record["tokens"] == ["Kurt"]


def test_tables_give_their_text_and_keep_their_columns(predict: Predict, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,text,label\n7,"Kurt, saw Oslo",travel\n8,,x\n', encoding="utf-8")
    first, second = json_lines(predict(str(path)))
    assert {key: first[key] for key in ("id", "text", "label")} == {"id": "7", "text": "Kurt, saw Oslo", "label": "travel"}
    assert [span["text"] for span in first["predictions"]["tags"]["spans"]] == ["Kurt", "Oslo"]
    assert (second["id"], second["tokens"]) == ("8", [])
    assert predict(str(path), "--to", "conll").startswith(b"Kurt\tB-PER\n,\tO\n")


def test_a_format_found_by_content_is_named(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("Kurt O\nsaw O\n\nOslo O\n", encoding="utf-8")
    assert main(["predict", model, str(path), "--to", "conll"]) == 0
    assert capsys.readouterr() == (
        "Kurt O B-PER\nsaw O O\n\nOslo O B-LOC\n",
        f"note: {path}: read as conll, by its content; --format sets another\n",
    )
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "Kurt"}\n')))
    assert main(["predict", model]) == 0
    assert "note: <stdin>: read as jsonl" in capsys.readouterr().err


def test_what_no_format_reads_is_refused(mistake: Callable[..., str], tmp_path: Path) -> None:
    for name, content, message in (
        ("a.txt", b"\x1f\x8b\x08", "gzip-compressed"),
        ("a.json", b'[{"text": "Kurt"}]', "a JSON array"),
        ("a.foo", b"Kurt saw Oslo .\n", "format not recognised; give one with --format (text, conll"),
        ("a.csv", b"review,label\nKurt,x\n", "1: no column 'text'"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        assert mistake(str(path)).removeprefix(f"{path}:").lstrip().startswith(message)
    assert mistake("--format", "terminal").startswith("--format is 'terminal'; expected one of text, conll")


def test_a_record_that_the_model_cannot_read_is_reported_by_line(mistake: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "fine"}\n\n{"text": "x", "segments": [[0, "a"]]}\n', encoding="utf-8")
    assert mistake(str(path)).startswith(f"{path}:3: segment is [0, 'a']; expected [start, end]")


def test_output_goes_to_a_file(predict: Predict, tmp_path: Path) -> None:
    target = tmp_path / "out.conll"
    assert predict("--format", "conll", "--to", "conll", "-o", str(target), data=b"Kurt\tx\r\n") == b""
    assert target.read_bytes() == b"Kurt\tx\tB-PER\r\n"


def test_columns_say_where_the_tokens_are(predict: Predict) -> None:
    data = b"# c\n7 Kurt\n8 saw\n"
    words = ("--format", "conll", "--to", "conll", "--columns", "tokens=1", "--comment-prefix", "#")
    assert predict(*words, data=data) == b"# c\n7 Kurt B-PER\n8 saw O\n"


def test_every_token_head_has_a_column_and_every_head_a_key(predict: Predict, runs: Mapping[str, seqlab.Run]) -> None:
    both = str(runs["both"].folder)
    assert predict("--format", "conll", "--to", "conll", data=b"Kurt", run=both) == b"Kurt B-PER"
    (record,) = json_lines(predict(data=b"Kurt saw Oslo .", run=both))
    assert set(record["predictions"]) == {"tags", "label"}
    assert record["predictions"]["label"]["labels"] == ["travel"]
    assert len(record["predictions"]["label"]["confidences"]) == 1


@pytest.mark.slow
def test_a_stream_is_labelled_as_it_comes(model: str) -> None:
    code = "import sys; from seqlab.cli import main; sys.exit(main(sys.argv[1:]))"
    with subprocess.Popen(
        [sys.executable, "-c", code, "predict", model],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        for text in ("Kurt", "Oslo"):
            process.stdin.write(f"{text}\n".encode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["text"] == text
        process.stdout.close()
        process.stdin.write(b"nobody listens any more\n" * 3)
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_mistakes_in_data_are_reported_by_line(mistake: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "latin1.txt"
    path.write_bytes(b"caf\xe9\n")
    assert mistake(str(path)).startswith(f"{path}:1: byte 0xe9 at byte 4 of the line is not UTF-8")
    assert mistake("--format", "jsonl", data=b"\n{]").startswith("<stdin>:2: not JSON:")
    assert mistake("--format", "conll", data=b"a\tO\n\tO\n").startswith("<stdin>:2: tokens (column 0) is empty")


def test_a_record_that_contradicts_itself_is_reported_by_id_and_line(
    mistake: Callable[..., str], lines_data: Path, tmp_path: Path
) -> None:
    data = ["data=lines", f"data.dir={lines_data}", "data.splits={train: train, val: test, test: null}"]
    bounds = ["heads.segments.bounds.column=tags", "heads.segments.bounds.scheme=BIO"]
    labels = ["heads.segments.target.column=tags", "heads.segments.target.scheme=BIO"]
    run = seqlab.train(
        [
            *data,
            "embedding=[words]",
            "encoder.width=4",
            "head=[segment]",
            *bounds,
            *labels,
            "trainer.max_epochs=1",
            f"paths.root_dir={tmp_path}",
        ]
    )
    rows = [{"id": "a", "tokens": ["x"], "tags": ["O"]}, {"id": "b", "tokens": ["x"], "tags": ["O", "O", "B-LOC"]}]
    message = mistake("--format", "jsonl", data="".join(f"{json.dumps(row)}\n\n" for row in rows).encode(), run=str(run.folder))
    assert message == "record 'b' (line 3): tags has 3 values, tokens 1; expected one per step"


def test_mistakes_in_options_are_reported(mistake: Callable[..., str], runs: Mapping[str, seqlab.Run], tmp_path: Path) -> None:
    assert mistake("missing.txt") == "missing.txt: cannot be read: No such file or directory; expected a file, or - for stdin"
    assert mistake(str(tmp_path)).startswith(f"{tmp_path}: cannot be read: Is a directory")
    assert mistake("--columns", "1", "--format", "conll").startswith("--columns is '1'; expected column numbers")
    assert mistake("--columns", "tokens=1").startswith("--columns is for the formats conll, csv, parquet, not text")
    label = str(runs["label"].folder)
    assert mistake("--to", "conll", run=label).endswith("but label labels records or segments; use jsonl")
    assert mistake("-o", str(tmp_path / "no" / "x")).startswith(f"--output {tmp_path}/no/x cannot be written: No such file")


def test_the_input_is_never_overwritten(mistake: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("Kurt")
    assert mistake(str(path), "-o", os.path.relpath(path)).endswith("which is the input; write to a different file")
    assert path.read_text() == "Kurt"


def test_n_best_gives_the_likeliest_answers(predict: Predict) -> None:
    (record,) = json_lines(predict("--n-best", "3", data=b"Ada visited Oslo .\n"))
    (head,) = record["predictions"].values()
    probs = [answer["probability"] for answer in head["n_best"]]
    assert head["n_best"][0]["labels"] == head["labels"]
    assert len(probs) == 3
    assert probs == sorted(probs, reverse=True)


def test_entropy_is_0_for_nothing_and_more_for_more(predict: Predict) -> None:
    nothing, some, twice = json_lines(
        predict("--entropy", data=b"\nAda visited Oslo .\nAda visited Oslo . Ada visited Oslo .\n")
    )
    values = [record["predictions"]["tags"]["entropy"] for record in (nothing, some, twice)]
    assert values[0] == 0 < values[1] < values[2]


def test_n_best_needs_a_number_and_jsonl(mistake: Callable[..., str]) -> None:
    assert mistake("--n-best", "2", "--to", "conll").startswith("--n-best needs --to jsonl, not conll")
    assert mistake("--entropy", "--to", "conll").startswith("--entropy needs --to jsonl, not conll")
    assert mistake("--n-best", "-1").startswith("--n-best is -1; expected a positive number")


def test_heads_that_cannot_rank_are_named_with_the_reason(
    runs: Mapping[str, seqlab.Run], capsys: pytest.CaptureFixture[str], conll_file: Path
) -> None:
    for name, expected in (
        ("tags", ["note: --n-best: head tags has none: softmax predicts each tag independently"]),
        ("both", []),
    ):
        assert main(["predict", str(runs[name].folder), str(conll_file), "--n-best", "2", "--entropy", "--to", "jsonl"]) == 0
        notes = capsys.readouterr().err.splitlines()
        assert [line.split(";")[0] for line in notes] == expected
