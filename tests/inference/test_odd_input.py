"""The table of odd input in ``docs/odd_input.md``: each row says what seqlab does.

To write the rows anew after a change: ``python tests/inference/test_odd_input.py``.
"""

import ast
import re
from argparse import Namespace
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import pytest

import seqlab
from seqlab.cli.inputs import labelled, read_chunks
from seqlab.errors import DataError
from seqlab.inference.records import TaggedRecord

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "odd_input.md"
MODEL = REPOSITORY / "tests" / "fixtures" / "version_0_1_0" / "models" / "crf" / "model"
N_SHOWN = 4
"""Offsets in a cell."""
ROWS = [
    line for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| (Python|text|conll|jsonl|csv) \|", line)
]


@pytest.fixture(scope="module")
def tagger() -> seqlab.Tagger:
    return seqlab.load(MODEL)


@pytest.mark.parametrize("row", ROWS)
def test_odd_input_is_treated_as_the_table_says(row: str, tagger: seqlab.Tagger) -> None:
    assert written(row, tagger) == row


def test_the_table_has_all_of_its_rows() -> None:
    assert len(ROWS) == len(set(ROWS)) > 60


def written(row: str, tagger: seqlab.Tagger) -> str:
    """Return the row with the cells that seqlab fills: tokens, offsets, and labels or the refusal."""
    kind, code, what = row.strip("| ").split(" | ")[:3]
    value = evaluated(code.strip("`"))
    try:
        records = tagger.predict([value]) if kind == "Python" else labelled_file(kind, value, tagger)
    except DataError as error:
        return f"| {kind} | {code} | {what} | | | refused: {error} |"
    tokens = " / ".join(str(len(record.tokens)) for record in records)
    offsets = " / ".join(map(shown_offsets, records))
    labels = " / ".join(str(len(record.predictions["tags"].labels)) for record in records)
    return f"| {kind} | {code} | {what} | {tokens or 'no record'} | {offsets} | {labels} |"


def labelled_file(kind: str, content: bytes, tagger: seqlab.Tagger) -> list[TaggedRecord]:
    """Return the records of a file, labelled as `seqlab predict` does."""
    options = Namespace(file="-", input_format=kind, columns=None, comment_prefix=None)
    chunks = read_chunks(options, tagger, BytesIO(content), needed=tagger.columns)
    found = (labelled(lambda records, lines: tagger.predict(records, lines=lines), chunk, name="f") for chunk in chunks)
    return [record for chunk in found for record in chunk]


def evaluated(code: str) -> object:
    """Return the value of a literal, or of a literal times a number."""
    literal, times, number = code.partition(" * ")
    if literal.startswith("[") and times:
        literal, number = f"{literal}]", number.removesuffix("]")
        value = ast.literal_eval(literal)
        return [value[0] * int(number.replace("_", ""))]
    return ast.literal_eval(literal) * int(number.replace("_", "")) if times else ast.literal_eval(code)


def shown_offsets(record: TaggedRecord) -> str:
    if record.offsets is None:
        return "none"
    shown = " ".join(str(list(pair)) for pair in record.offsets[:N_SHOWN])
    return f"{shown} …" if len(record.offsets) > N_SHOWN else shown or "[]"


def main(rows: Sequence[str]) -> None:
    """Write the cells of all rows anew."""
    text, tagger = PAGE.read_text(encoding="utf-8"), seqlab.load(MODEL)
    for row in rows:
        text = text.replace(row, written(row, tagger))
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(ROWS)
