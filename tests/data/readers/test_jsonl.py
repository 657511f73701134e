import re
from collections.abc import Callable
from pathlib import Path

import pytest

from seqlab.data.readers import Reader
from seqlab.data.readers.source import Fault
from seqlab.errors import ConfigError, DataError

Open = Callable[..., Reader]


def write(path: Path, *lines: str) -> Path:
    path.write_bytes("\n".join(lines).encode())
    return path


def test_jsonl_reads_tokens_and_tags(open_reader: Open, tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.jsonl",
        '{"tokens": ["a", "b"], "tags": ["O", "B-X"], "other": 1}',
        "",
        '{"tokens": [], "tags": []}',
    )

    assert open_reader("jsonl").read(path).to_list() == [
        {"id": "x-1", "line": 1, "tokens": ["a", "b"], "tags": ["O", "B-X"]},
        {"id": "x-2", "line": 3, "tokens": [], "tags": []},
    ]
    assert open_reader("jsonl").unread(path) == ["key 'other'"]


def test_jsonl_reads_unaligned_labels_and_their_alternatives(open_reader: Open, tmp_path: Path) -> None:
    path = write(tmp_path / "x", '{"tokens": ["a", "x"], "labels": ["AE", "K", "S"], "alternatives": ["EH K S"]}')

    record = open_reader("jsonl").read(path)[0]

    assert (record["labels"], record["alternatives"]) == (["AE", "K", "S"], ["EH K S"])
    with pytest.raises(DataError, match=r"alternatives is 'EH'; expected a list of strings"):
        open_reader("jsonl").read(write(tmp_path / "y", '{"tokens": ["a"], "alternatives": "EH"}'))


@pytest.mark.parametrize("span", ['[10, 18, "LOC"]', '{"label": "LOC", "start": 10, "end": 18}'])
def test_jsonl_turns_character_spans_into_segments_and_tags(open_reader: Open, tmp_path: Path, span: str) -> None:
    path = write(tmp_path / "x", f'{{"text": "I live in New York!", "spans": [{span}], "label": "s"}}')

    record = open_reader("jsonl").read(path)[0]

    assert record["tokens"] == ["I", "live", "in", "New", "York", "!"]
    assert record["segments"] == [{"start": 3, "end": 5, "label": "LOC"}]
    assert record["tags"] == ["O", "O", "O", "B-LOC", "I-LOC", "O"]
    assert record["offsets"][3:5] == [[10, 13], [14, 18]]
    assert record["label"] == "s"


def test_jsonl_lays_given_tokens_over_the_text(open_reader: Open, tmp_path: Path) -> None:
    path = write(tmp_path / "x", '{"text": "New-York  now", "tokens": ["New", "-York", "now"], "spans": [[3, 8, "X"]]}')

    record = open_reader("jsonl").read(path)[0]

    assert record["offsets"] == [[0, 3], [3, 8], [10, 13]]
    assert record["tags"] == ["O", "B-X", "O"]


def test_jsonl_overlapping_spans_are_segments_without_tags(open_reader: Open, tmp_path: Path) -> None:
    path = write(tmp_path / "x", '{"text": "a b", "spans": [[0, 3, "X"], [2, 3, "Y"]]}')

    assert len(open_reader("jsonl", span_scheme=None).read(path)[0]["segments"]) == 2
    with pytest.raises(DataError, match=r"x:1: spans .* overlap"):
        open_reader("jsonl").read(path)


def test_jsonl_reads_several_labels_and_renamed_keys(open_reader: Open, tmp_path: Path) -> None:
    path = write(tmp_path / "x", '{"words": ["a"], "classes": ["p", "q"]}')

    record = open_reader("jsonl", columns={"tokens": "words", "label": "classes"}).read(path)[0]

    assert (record["tokens"], record["label"]) == (["a"], ["p", "q"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "x:2: not JSON"),
        ("[" * 100_000, "x:2: not JSON"),
        ("[1]", "x:2: '\\[1\\]' is not an object"),
        ('{"tags": ["O"]}', r"x:2: no tokens, no text and no frames among the keys \['tags'\]"),
        ('{"tokens": ["a"], "tags": ["O", "O"]}', "x:2: 2 tags for 1 tokens"),
        ('{"tokens": "a", "tags": ["O"]}', "x:2: tokens is 'a'; expected a list of strings"),
        ('{"tokens": ["a"]}', "x:2: no tags; expected the same columns"),
        ('{"tokens": ["\\ud800"], "tags": ["O"]}', r"x:2: '\\ud800' is half a surrogate pair"),
        ('{"tokens": ["a"], "tags": ["O"], "text": "b"}', r"x:2: text 'b' does not match the tokens \['a'\]"),
        (
            '{"text": "ab c", "spans": [[0, 1, "X"]]}',
            r"x:2: span \[0, 1, 'X'\] \('a'\) does not begin and end with tokens",
        ),
        ('{"text": "ab c", "spans": [[0, 9, "X"]]}', r"x:2: span \[0, 9, 'X'\]"),
        ('{"text": "ab c", "spans": [["X"]]}', r"x:2: span is \['X'\]"),
        (
            '{"tokens": ["a"], "tags": ["O"], "segments": [[0, 2, "X"]]}',
            "x:2: segment is .*; expected 0 <= start < end <= 1",
        ),
        ('{"tokens": ["a"], "tags": ["O"], "heads": ["1"]}', r"x:2: heads is \['1'\]"),
        ('{"tokens": ["a"], "tags": ["O"], "offsets": [3]}', r"x:2: offsets is \[3\]"),
    ],
)
def test_jsonl_refuses_by_path_and_line(open_reader: Open, tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path / "x", '{"tokens": ["a"], "tags": ["O"]}', line)
    with pytest.raises(DataError, match=message):
        open_reader("jsonl").read(path)


def test_jsonl_refuses_labels_of_two_kinds(open_reader: Open, tmp_path: Path) -> None:
    path = write(tmp_path / "x", '{"tokens": ["a"], "label": "x"}', '{"tokens": ["a"], "label": ["x"]}')
    with pytest.raises(DataError, match=r"x:2: label is \['x'\]; expected a str"):
        open_reader("jsonl").read(path)


def test_jsonl_refuses_empty_files_and_settings(open_reader: Open, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="x:1: the file holds no records"):
        open_reader("jsonl").read(write(tmp_path / "x", "", ""))
    with pytest.raises(ConfigError, match="expected tokens or text"):
        open_reader("jsonl", columns={"tags": "tags"})


def test_jsonl_reports_all_faults(open_reader: Open, tmp_path: Path) -> None:
    path = write(tmp_path / "x", "{", '{"tokens": ["a"]}', "3", '{"tokens": ["b"]}')
    faults: list[Fault] = []

    records = open_reader("jsonl").read(path, report=faults.append)

    assert [fault.line for fault in faults] == [1, 3]
    assert records["tokens"][:] == [["a"], ["b"]]


@pytest.mark.parametrize(
    "fields",
    [
        '"segments": [[true, 2, "X"]]',
        '"segments": [{"start": 0, "end": true, "label": "X"}]',
        '"text": "a b", "spans": [[false, 1, "X"]]',
        '"text": "a b", "offsets": [[false, 1], [2, 3]]',
        '"heads": [true, 0]',
    ],
)
def test_jsonl_takes_no_true_and_false_for_numbers(open_reader: Open, tmp_path: Path, fields: str) -> None:
    path = write(tmp_path / "x", '{"tokens": ["a", "b"]}', f'{{"tokens": ["a", "b"], {fields}}}')
    with pytest.raises(DataError, match=rf"{re.escape(str(path))}:2: (span|offsets|heads) is .*(True|False).*; expected"):
        open_reader("jsonl").read(path)


def test_jsonl_reads_frames_without_tokens(open_reader: Open, tmp_path: Path) -> None:
    path = write(tmp_path / "x", '{"frames": [[0.5, 2], [1, 3]], "tags": ["A", "B"]}', '{"frames": [], "tags": []}')
    records = open_reader("jsonl").read(path)
    assert records.column_names == ["id", "line", "tags", "frames"]
    assert records["frames"][:] == [[[0.5, 2.0], [1.0, 3.0]], []]
    with_tokens = write(tmp_path / "y", '{"frames": [[0.5]], "tokens": ["a", "b"], "tags": ["A", "B"]}')
    assert open_reader("jsonl").read(with_tokens)["tags"][:] == [["A", "B"]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"frames": [[0.5], ["1"]]}', r"x:1: frame 2 holds '1'; expected finite numbers"),
        ('{"frames": [[0.5, NaN]]}', r"x:1: frame 1 holds nan; expected finite numbers"),
        (f'{{"frames": [[1{"0" * 400}]]}}', r"x:1: frame 1 holds 10+…; expected finite numbers"),
        ('{"frames": [[true]]}', r"x:1: frame 1 holds True; expected finite numbers"),
        ('{"frames": [[1, 2], [3]]}', r"x:1: frame 2 has 1 numbers and frame 1 2; expected one width"),
        ('{"frames": []}\n{"frames": [[1]]}\n{"frames": [[1, 2]]}', "x:3: frames of 2 numbers, and 1 in the records before"),
        ('{"frames": [0.5]}', "x:1: frames is .*; expected a list of frames"),
        ('{"frames": [[0.5]], "tags": ["A", "B"]}', "x:1: 2 tags for 1 frames; expected one per frame"),
    ],
)
def test_jsonl_refuses_frames_by_path_and_line(open_reader: Open, tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_reader("jsonl").read(write(tmp_path / "x", line))
