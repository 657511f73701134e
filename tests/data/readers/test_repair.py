"""Violations of `scheme`: reported once per file with the scheme that fits, or read leniently with `repair`."""

import logging
from collections.abc import Callable
from pathlib import Path

import datasets
import pytest

from seqlab.data.readers import Reader
from seqlab.data.readers.source import Fault
from seqlab.errors import DataError

Open = Callable[..., Reader]
BROKEN = [["B-X", "I-X"], ["O", "I-Y"], ["B-X", "O"], ["O", "I-Y"]]


def write(folder: Path, option: str, rows: list[list[str]]) -> Path:
    if option == "lines":
        for name, lines in (("seq.in", [["w"] * len(row) for row in rows]), ("seq.out", rows)):
            (folder / name).write_text("\n".join(map(" ".join, lines)), encoding="utf-8")
        return folder
    if option == "hub":
        datasets.Dataset.from_dict({"tokens": [["w"] * len(row) for row in rows], "tags": rows}).save_to_disk(folder / "data")
        return Path("train")
    texts = {
        "conll": "\n\n".join("\n".join(f"w {tag}" for tag in row) for row in rows),
        "conllu": "\n\n".join(
            "\n".join(f"{i}\tw\t_\tX\t{tag}\t_\t0\troot\t_\t_" for i, tag in enumerate(row, 1)) for row in rows
        ),
        "jsonl": "\n".join(f'{{"tokens": {["w"] * len(row)}, "tags": {row}}}'.replace("'", '"') for row in rows),
    }
    (folder / "x").write_text(texts[option], encoding="utf-8")
    return folder / "x"


def options(option: str, folder: Path) -> dict[str, object]:
    of_option: dict[str, dict[str, object]] = {
        "lines": {"files": {"tokens": "seq.in", "tags": "seq.out"}},
        "conllu": {"tags_column": "xpos"},
        "hub": {"name": str(folder / "data")},
    }
    return of_option.get(option, {})


@pytest.mark.parametrize(("option", "line"), [("conll", 5), ("conllu", 5), ("hub", 2), ("jsonl", 2), ("lines", 2)])
def test_readers_report_all_violations_of_a_file_once(open_reader: Open, tmp_path: Path, option: str, line: int) -> None:
    path = write(tmp_path, option, BROKEN)
    faults: list[Fault] = []

    records = open_reader(option, scheme="BIO", **options(option, tmp_path)).read(path, report=faults.append)

    assert [fault.line for fault in faults] == [line]
    assert faults[0].message.startswith(
        "tag 'I-Y' breaks BIO: no span of 'Y' is open right before it; 2 of 4 records break BIO"
    )
    assert "data.reader.repair=true reads them leniently" in faults[0].message
    assert records["tags"][:] == [BROKEN[0], BROKEN[2]]


@pytest.mark.parametrize("option", ["conll", "conllu", "hub", "jsonl", "lines"])
@pytest.mark.parametrize(("target", "repaired"), [(None, ["O", "B-Y"]), ("BIOES", ["O", "S-Y"])])
def test_repair_reads_violations_leniently_and_counts_them(
    open_reader: Open,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    option: str,
    target: str | None,
    repaired: list[str],
) -> None:
    reader = open_reader(option, scheme="BIO", target_scheme=target, repair=True, **options(option, tmp_path))

    records = reader.read(write(tmp_path, option, BROKEN))

    assert records["tags"][1] == records["tags"][3] == repaired
    assert "2 of 4 records break BIO; read leniently" in caplog.text


def test_repair_refuses_tags_that_do_not_belong_to_the_scheme(open_reader: Open, tmp_path: Path) -> None:
    path = write(tmp_path, "conll", [["B-X", "NOUN"]])
    with pytest.raises(DataError, match=r"x:2: tag 'NOUN' breaks BIO: .*; 1 of 1 records break BIO; correct them$"):
        open_reader("conll", scheme="BIO", repair=True).read(path)


def test_the_scheme_that_fits_is_named(open_reader: Open, tmp_path: Path) -> None:
    path = write(tmp_path, "conll", [["B-X", "I-X", "O"], ["B-X", "B-Y", "O"]])
    with pytest.raises(DataError, match=r"2 of 2 records break BIOES; the tags look like BIO: set data.reader.scheme=BIO"):
        open_reader("conll", scheme="BIOES").read(path)


def test_valid_tags_are_converted_without_a_warning(
    open_reader: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    reader = open_reader("conll", scheme="BIO", target_scheme="BIOES", repair=True)
    assert reader.read(write(tmp_path, "conll", [["B-X", "I-X"]]))["tags"][:] == [["B-X", "E-X"]]
    assert not caplog.text


def test_hub_keeps_records_without_tags_and_all_other_columns(open_reader: Open, tmp_path: Path) -> None:
    rows = {"tokens": [["a", "b"], ["c"]], "tags": [["B-X", "I-X"], None], "n": [1, 2]}
    datasets.Dataset.from_dict(rows).save_to_disk(tmp_path / "data")
    columns = {"tokens": "tokens", "tags": "tags", "n": "n"}
    reader = open_reader("hub", name=str(tmp_path / "data"), columns=columns, scheme="BIO", target_scheme="BIOES")

    assert reader.read(Path("train")).to_list() == [
        {"id": "train-1", "tokens": ["a", "b"], "tags": ["B-X", "E-X"], "n": 1},
        {"id": "train-2", "tokens": ["c"], "tags": None, "n": 2},
    ]
