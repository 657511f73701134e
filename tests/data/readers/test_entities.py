import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqlab.data.readers import Reader
from seqlab.data.readers.source import Fault
from seqlab.errors import DataError

Open = Callable[..., Reader]
HEADER = "# global.Entity = GRP-etype-infstat"


def write(path: Path, *sentences: list[str], header: str = HEADER) -> Path:
    """Write sentences of words with nothing but MISC, `id misc` or just `misc` each; the first has `header`."""
    blocks = []
    for number, miscs in enumerate(sentences):
        rows = []
        for misc in miscs:
            word_id, _, value = misc.rpartition(" ")
            n_words = sum("." not in row and "-" not in row.split("\t")[0] for row in rows)
            rows.append("\t".join([word_id or str(n_words + 1), *"w_______", value]))
        blocks.append("\n".join([header] * (number == 0) + [f"# sent_id = s{number}", *rows]))
    path.write_text("\n\n".join(blocks) + "\n\n", encoding="utf-8")
    return path


def spans(row: list[dict[str, Any]]) -> list[tuple[int, int, str]]:
    return [(segment["start"], segment["end"], segment["label"]) for segment in row]


def segments(reader: Reader, path: Path) -> list[list[tuple[int, int, str]]]:
    return [spans(row) for row in reader.read(path)["segments"]]


@pytest.fixture
def reader(open_reader: Open) -> Reader:
    return open_reader("conllu", entity_key="Entity")


@pytest.mark.parametrize(
    ("miscs", "expected"),
    [
        (["_", "_"], []),
        (["Entity=(1-person-new)"], [(0, 1, "person")]),
        (["SpaceAfter=No|Entity=(1-person-new|X=Y", "Entity=1)"], [(0, 2, "person")]),
        (["Entity=(1-abstract-new(2-place-new)", "_", "Entity=1)"], [(0, 3, "abstract"), (0, 1, "place")]),
        (["_", "Entity=(2-a-new", "Entity=(3-b-new", "Entity=(4-c-new)3)2)"], [(1, 4, "a"), (2, 4, "b"), (3, 4, "c")]),
        (["Entity=(1-a-new", "Entity=1)(2-b-new", "Entity=2)"], [(0, 2, "a"), (1, 3, "b")]),  # crossing
        (["Entity=(1-a-new", "Entity=(1-b-new", "Entity=1)", "Entity=1)"], [(0, 4, "a"), (1, 3, "b")]),  # a group in itself
        (["Entity=(1--new)"], [(0, 1, None)]),
        (["1-2 _", "1 Entity=(1-a-new", "2 Entity=1)", "2.1 _"], [(0, 2, "a")]),
        (["1 _", "1.1 Entity=(1-a-new", "2 Entity=1)", "3 Entity=(2-b-new", "3.1 Entity=2)"], [(1, 2, "a"), (2, 3, "b")]),
    ],
)
def test_entities_become_segments(
    reader: Reader, tmp_path: Path, miscs: list[str], expected: list[tuple[int, int, str]]
) -> None:
    assert segments(reader, write(tmp_path / "x", miscs)) == [expected]


def test_entities_are_not_read_unless_asked_for(open_reader: Open, tmp_path: Path) -> None:
    records = open_reader("conllu").read(write(tmp_path / "x", ["Entity=((("]))
    assert "segments" not in records.column_names


def test_the_comment_says_which_part_is_the_type_and_holds_until_the_next(reader: Reader, tmp_path: Path) -> None:
    path = write(tmp_path / "x", ["Entity=(e1-1-place)"], ["Entity=(e2-1-time)"], header="# global.Entity = eid-head-etype")
    assert segments(reader, path) == [[(0, 1, "place")], [(0, 1, "time")]]
    other = write(tmp_path / "y", ["Entity=(1-organization-new)"])
    path.write_text(path.read_text() + other.read_text())
    assert segments(reader, path)[2] == [(0, 1, "organization")]


def test_entities_across_sentences_are_skipped(reader: Reader, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(
        tmp_path / "x",
        ["Entity=(1-a-new(2-b-new", "Entity=2)"],
        ["Entity=1)", "Entity=(3-c-new)"],
        ["Entity=(4[1/2]-d-new)", "_", "Entity=(4[2/2]-d-new)"],
        ["1 _", "1.1 Entity=(5-e-new)", "2 _"],
    )
    with caplog.at_level(logging.WARNING):
        assert segments(reader, path) == [[(0, 2, "b")], [(1, 2, "c")], [], []]
    assert "1 not closed in their sentence, 1 not opened in their sentence, 1 of no word, 1 of several parts" in caplog.text
    assert str(path) in caplog.text


def test_nothing_is_logged_without_skipped_entities(reader: Reader, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    reader.read(write(tmp_path / "x", ["Entity=(1-a-new)"]))
    assert not caplog.records


@pytest.mark.parametrize("value", ["1", "()", "((1-a-new)", "(1-a-new))", ")", "(1-a-new)x", ""])
def test_malformed_brackets_are_reported_by_line(reader: Reader, tmp_path: Path, value: str) -> None:
    path = write(tmp_path / "x", ["_", f"Entity={value}"])
    with pytest.raises(DataError, match=rf"{path}:4: Entity is '.*'.*expected brackets such as"):
        reader.read(path)


def test_an_entity_without_its_type_is_reported(reader: Reader, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r":3: Entity is '\(1\)': '1' has no etype; expected GRP-etype-infstat"):
        reader.read(write(tmp_path / "x", ["Entity=(1)"]))


@pytest.mark.parametrize(("header", "message"), [("# x = y", "there is none"), ("# global.Entity = entity-GRP", "entity-GRP")])
def test_a_missing_comment_is_reported(reader: Reader, tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(DataError, match=rf":3: .*expected a comment '# global\.Entity = GRP-etype-….*{message}"):
        reader.read(write(tmp_path / "x", ["Entity=(1-a)"], header=header))


def test_every_fault_is_collected_and_its_sentence_left_out(reader: Reader, tmp_path: Path) -> None:
    faults: list[Fault] = []
    path = write(tmp_path / "x", ["Entity=("], ["Entity=(1-a-new)"], ["_", "Entity=b"])
    records = reader.read(path, report=faults.append)
    assert [fault.line for fault in faults] == [3, 10]
    assert list(records["id"]) == ["s1"]


@pytest.mark.parametrize(("split", "n_entities", "n_inner"), [("dev", 2778, 1213), ("test", 3213, 1487)])
def test_gum_is_read_whole(
    reader: Reader, corpora: Path, caplog: pytest.LogCaptureFixture, split: str, n_entities: int, n_inner: int
) -> None:
    path = corpora / "gum" / f"gum-{split}.conllu"
    found = segments(reader, path)
    inner = [s for row in found for s in row if any(o[0] <= s[0] and s[1] <= o[1] and o[:2] != s[:2] for o in row)]
    marks = re.findall(r"[\t|]Entity=([^|\n]*)", path.read_text(encoding="utf-8"))
    opened = sum(mark.count("(") for mark in marks)
    assert sum(map(len, found)) == opened == n_entities
    assert len(inner) == n_inner
    assert not caplog.records
