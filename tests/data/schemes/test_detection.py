"""Detection of the scheme of a corpus from its tags."""

from pathlib import Path

import pytest

from seqlab.data.schemes import SCHEME_NAMES, detect_scheme


@pytest.mark.parametrize(
    ("tags", "candidates", "sentence"),
    [
        (["I-a", "O"], ["IOB1", "IO"], "fit IOB1, IO equally well"),
        (["I-a", "B-a"], ["IOB1"], "are IOB1"),
        (["B-a", "I-a", "O"], ["BIO"], "are BIO, without violations in 4 steps"),
        (["B-a", "E-a"], ["BIOES"], "are BIOES"),
        (["U-a"], ["BILOU"], "are BILOU"),
        (["O", "O"], list(SCHEME_NAMES), "fit IOB1, BIO, BIOES, BILOU, IO equally well"),
        (["B-a", "I-a", "B-b", "I-c", "O"], [], "BIO is closest, with violations at 1 of 6 steps"),
    ],
)
def test_detect_scheme_lists_what_fits(tags: list[str], candidates: list[str], sentence: str) -> None:
    found = detect_scheme([["O"], tags[:0], tags])
    assert found.candidates == candidates
    assert found.name == (candidates[0] if len(candidates) == 1 else None)
    assert found.is_spans
    assert sentence in found.describe()


def test_detect_scheme_counts_violations() -> None:
    found = detect_scheme([["B-a", "I-a"], ["I-a", "O"]])
    assert found.violations == {"IOB1": 1, "BIO": 1, "BIOES": 3, "BILOU": 3, "IO": 1}
    assert found.name is None


@pytest.mark.parametrize("tags", [["DET", "NOUN", "VERB"], ["B-a", "I-a", "b_a"], ["B-a", "B-"]])
def test_detect_scheme_finds_no_spans_in_plain_labels(tags: list[str]) -> None:
    found = detect_scheme([tags])
    assert (found.name, found.candidates, found.is_spans) == (None, [], False)
    assert repr(found.foreign_tags[0]) in found.describe()


@pytest.mark.parametrize("sequences", [[], [[]]])
def test_detect_scheme_without_tags(sequences: list[list[str]]) -> None:
    found = detect_scheme(sequences)
    assert (found.name, found.candidates, found.is_spans) == (None, [], False)
    assert "no tags" in found.describe()


def test_detect_scheme_of_real_files(repository: Path) -> None:
    shared = repository.parent / "shared" / "data"
    if not shared.is_dir():
        pytest.skip("needs the shared data folder beside the checkout")
    slots = (shared / "snips" / "tokenised" / "dev" / "seq.out").read_text(encoding="utf-8").splitlines()
    assert detect_scheme(row.split() for row in slots).name == "BIO"
    words = (shared / "ud_english_ewt").glob("*dev.conllu")
    rows = [line.split("\t") for line in next(words).read_text(encoding="utf-8").splitlines() if "\t" in line]
    assert not detect_scheme([[row[3] for row in rows]]).is_spans
