import io
from pathlib import Path
from typing import Any

import pytest

from seqlab.data.convert import convert_file
from seqlab.errors import ConfigError, DataError

SENTENCE = """\
# sent_id = s1
# text = don't go
1-2	don't	_	_	_	_	_	_	_	_
1	do	do	AUX	VB	_	3	aux	_	_
2	n't	not	PART	RB	_	3	advmod	_	_
2.1	it	_	_	_	_	_	_	3:obj	_
3	go	go	VERB	VB	Mood=Imp	0	root	_	_
3.1	it	_	_	_	_	_	_	3:obl	_

"""


def converted(path: Path, source: str, target: str, text: str | None = None, **changes: Any) -> tuple[str, list[str]]:
    if text is not None:
        path.write_bytes(text.encode())
    output = io.StringIO()
    settings = {"source_scheme": None, "target_scheme": None, "overrides": [], "columns": ["tokens", "tags"]} | changes
    losses = convert_file(path, output.write, source_format=source, target_format=target, **settings)
    return output.getvalue(), losses


def test_convert_keeps_conllu_byte_for_byte(tmp_path: Path) -> None:
    assert converted(tmp_path / "x", "conllu", "conllu", SENTENCE) == (SENTENCE, [])


def test_convert_to_jsonl_and_back_loses_nothing(tmp_path: Path) -> None:
    jsonl, losses = converted(tmp_path / "x", "conllu", "jsonl", SENTENCE)

    assert losses == []
    assert converted(tmp_path / "y", "jsonl", "conllu", jsonl) == (SENTENCE, [])


def test_convert_schemes_and_back(tmp_path: Path) -> None:
    text = "a\tB-X\nb\tI-X\nc\tO\nd\tB-Y\n\n"

    bioes, losses = converted(tmp_path / "x", "conll", "conll", text, target_scheme="BIOES")

    assert (bioes, losses) == ("a\tB-X\nb\tE-X\nc\tO\nd\tS-Y\n\n", [])
    assert converted(tmp_path / "y", "conll", "conll", bioes, target_scheme="BIO")[0] == text


def test_convert_tells_what_it_loses(tmp_path: Path) -> None:
    text, losses = converted(tmp_path / "x", "conllu", "conll", SENTENCE, columns=["tokens", "xpos", "upos"])

    assert text == "do\tVB\tAUX\nn't\tRB\tPART\ngo\tVB\tVERB\n\n"
    (loss,) = losses
    assert loss.startswith("conll has no place for id, lemma, feats, heads, deprel")


def test_convert_tells_what_the_reader_left_out(tmp_path: Path) -> None:
    conll = converted(tmp_path / "x", "conll", "jsonl", "a NN O\n")[1]
    jsonl = converted(tmp_path / "y", "jsonl", "conll", '{"tokens": ["a"], "tags": ["O"], "extra": 1}')[1]

    assert conll == ["not read: column 1 of 3 (--set changes the reader)"]
    assert jsonl == ["not read: key 'extra' (--set changes the reader)"]
    assert converted(tmp_path / "x", "conll", "jsonl", overrides=["columns.xpos=1"])[1] == []


def test_convert_tells_of_spans_that_io_joins(tmp_path: Path) -> None:
    text, losses = converted(tmp_path / "x", "conll", "conll", "a B-X\nb B-X\n", source_scheme="BIO", target_scheme="IO")

    assert text == "a\tI-X\nb\tI-X\n\n"
    assert losses == ["IO joins adjacent spans with the same label: 2 spans became 1"]


def test_convert_writes_parallel_files_and_reads_them(tmp_path: Path) -> None:
    jsonl = '{"tokens": ["a", "b"], "tags": ["O", "B-X"], "label": "l"}\n'
    (tmp_path / "x").write_text(jsonl, encoding="utf-8")
    settings: dict[str, Any] = {"source_scheme": None, "target_scheme": None, "overrides": [], "columns": []}

    convert_file(tmp_path / "x", tmp_path / "f", source_format="jsonl", target_format="lines", **settings)

    assert {path.name: path.read_text() for path in (tmp_path / "f").iterdir()} == {
        "seq.in": "a b\n",
        "seq.out": "O B-X\n",
        "label": "l\n",
    }
    assert converted(tmp_path / "f", "lines", "conll") == (
        "a\tO\nb\tB-X\n\n",
        ["conll has no place for label: left out"],
    )


def test_convert_tags_without_a_home_become_xpos(tmp_path: Path) -> None:
    text, losses = converted(tmp_path / "x", "conll", "conllu", "a B-X\n")

    assert text == "# sent_id = x-1\n1\ta\t_\t_\tB-X\t_\t_\t_\t_\t_\n\n"
    assert losses == []


@pytest.mark.parametrize(
    ("target", "row", "message"),
    [
        ("conll", '{"tokens": [], "tags": []}', "record 'x-1' has no tokens"),
        ("conllu", '{"tokens": [], "tags": []}', "record 'x-1' has no tokens"),
        ("conll", '{"tokens": ["a\\tb"], "tags": ["O"]}', r"record 'x-1': tokens holds 'a\\tb'"),
        ("conll", '{"tokens": [""], "tags": ["O"]}', "record 'x-1': tokens holds ''"),
        ("conll", '{"tokens": ["-DOCSTART-"], "tags": ["O"]}', "record 'x-1' starts with -DOCSTART-"),
        ("lines", '{"tokens": ["a b"], "tags": ["O"]}', "record 'x-1': tokens holds 'a b', which spaces split"),
        ("conllu", '{"tokens": ["a"], "label": ["p", "q"]}', r"record 'x-1': label is \['p', 'q'\]"),
    ],
)
def test_convert_refuses_what_the_target_cannot_hold(tmp_path: Path, target: str, row: str, message: str) -> None:
    (tmp_path / "x").write_text(row, encoding="utf-8")
    settings: dict[str, Any] = {
        "source_scheme": None,
        "target_scheme": None,
        "overrides": [],
        "columns": ["tokens", "tags"],
    }
    with pytest.raises(DataError, match=message):
        convert_file(tmp_path / "x", tmp_path / "out", source_format="jsonl", target_format=target, **settings)
    assert not (tmp_path / "out").is_file()
    assert not list(tmp_path.rglob("*.unfinished"))


def test_convert_refuses_tags_that_it_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="x:2: tag 'I-Y' breaks BIO"):
        converted(tmp_path / "x", "conll", "conll", "a B-X\nb I-Y\n", source_scheme="BIO", target_scheme="BIOES")
    with pytest.raises(ConfigError, match=r"The tags fit .* Name the scheme with --scheme-from"):
        converted(tmp_path / "y", "conll", "conll", "a O\n", target_scheme="BIOES")
    with pytest.raises(ConfigError, match="has no tags to convert to BIOES"):
        converted(tmp_path / "z", "jsonl", "conll", '{"tokens": ["a"]}', target_scheme="BIOES")
    with pytest.raises(DataError, match="need a folder, not standard output"):
        converted(tmp_path / "y", "conll", "lines")


@pytest.mark.parametrize("file", ["gum/gum-dev.conllu", pytest.param("gum/gum-train.conllu", marks=pytest.mark.slow)])
def test_convert_keeps_real_treebanks_byte_for_byte(repository: Path, file: str) -> None:
    path = repository.parent / "shared" / "data" / file
    if not path.exists():
        pytest.skip(f"no corpus at {path}")

    assert converted(path, "conllu", "conllu") == (path.read_text(encoding="utf-8"), [])


def test_convert_writes_frames_and_reads_them_again(tmp_path: Path) -> None:
    jsonl = '{"id": "y-1", "frames": [[0.5, 2.0], [1e-20, 3.0]], "tags": ["A", "B"]}\n'
    conll, losses = converted(tmp_path / "x", "jsonl", "conll", jsonl)
    assert conll == "0.5\t2.0\tA\n1e-20\t3.0\tB\n\n"
    assert losses == ["conll has no place for id: left out"]

    settings = ["frame_columns=[a,b]", "column_names=[a,b,tag]"]
    assert converted(tmp_path / "y", "frames", "jsonl", conll, overrides=settings) == (jsonl, [])
    for target in ("conllu", "lines"):
        with pytest.raises(DataError, match=f"x has no tokens, which {target} is made of; choose jsonl or conll"):
            converted(tmp_path / "x", "jsonl", target)
    with pytest.raises(ConfigError, match="format frames needs the setting frame_columns; give it with --set"):
        converted(tmp_path / "y", "frames", "jsonl")
