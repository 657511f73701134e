from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqlab.config.build import known_targets
from seqlab.config.compose import compose, plain
from seqlab.data.readers import CmudictReader, Reader
from seqlab.data.readers.source import Fault
from seqlab.data.splits import read_splits
from seqlab.errors import ConfigError, DataError
from seqlab.testing import ReaderContract

Open = Callable[..., Reader]

DICTIONARY = """;;; a remark
Aalen AE1 L AH0 N # place, german
abduct AE0 B D AH1 K T
abduct(2) AH0 B D AH1 K T
abduct(3) AE1 B D AH0 K T

d'oh D OW1
dove D AH1 V
dove(2)  D OW1 V # verb
"""
ALL_TRAIN = {"train": 1, "val": 0, "test": 0}
ALL_TEST = {"train": 0, "val": 0, "test": 1}


def write(folder: Path, text: str = DICTIONARY) -> Path:
    (folder / "cmudict.dict").write_text(text, encoding="utf-8")
    return folder


class TestCmudictReader(ReaderContract):
    def make(self) -> Reader:
        return CmudictReader(file="cmudict.dict", keeps_stress=False, shares=ALL_TRAIN, seed=1)

    def write_sound(self, folder: Path) -> Path:
        return write(folder) / "train"

    def expected(self) -> list[dict[str, Any]]:
        return [
            {"id": "aalen", "line": 2, "tokens": list("aalen"), "labels": ["AE", "L", "AH", "N"]},
            {"id": "abduct", "line": 3, "tokens": list("abduct"), "labels": ["AE", "B", "D", "AH", "K", "T"]},
            {"id": "abduct(2)", "line": 4, "tokens": list("abduct"), "labels": ["AH", "B", "D", "AH", "K", "T"]},
            {"id": "d'oh", "line": 7, "tokens": list("d'oh"), "labels": ["D", "OW"]},
            {"id": "dove", "line": 8, "tokens": list("dove"), "labels": ["D", "AH", "V"]},
            {"id": "dove(2)", "line": 9, "tokens": list("dove"), "labels": ["D", "OW", "V"]},
        ]

    def write_damaged(self, folder: Path) -> tuple[Path, int]:
        return write(folder, "abbe AE1 B IY0\nabbey\n") / "train", 2


def test_words_outside_train_are_one_record_with_alternatives(open_reader: Open, tmp_path: Path) -> None:
    records = open_reader("cmudict", shares=ALL_TEST).read(write(tmp_path) / "test").to_list()

    assert [(record["id"], " ".join(record["labels"]), record["alternatives"]) for record in records] == [
        ("aalen", "AE L AH N", []),
        ("abduct", "AE B D AH K T", ["AH B D AH K T"]),
        ("d'oh", "D OW", []),
        ("dove", "D AH V", ["D OW V"]),
    ]


def test_stress_is_kept_where_asked(open_reader: Open, tmp_path: Path) -> None:
    records = open_reader("cmudict", keeps_stress=True, shares=ALL_TEST).read(write(tmp_path) / "test").to_list()

    assert records[1]["labels"] == ["AE0", "B", "D", "AH1", "K", "T"]
    assert records[1]["alternatives"] == ["AH0 B D AH1 K T", "AE1 B D AH0 K T"]


def test_each_word_is_in_one_split_with_all_its_pronunciations(open_reader: Open, tmp_path: Path) -> None:
    words = ["".join(chr(97 + i // 26**k % 26) for k in range(3)) for i in range(300)]
    path = write(tmp_path, "".join(f"{word} AH0\n{word}(2) IY1\n" for word in words))
    reader = open_reader("cmudict", shares={"train": 0.5, "val": 0.2, "test": 0.3})

    of = {split: ["".join(tokens) for tokens in reader.read(path / split)["tokens"]] for split in ("train", "val", "test")}

    assert all(of.values())
    assert sorted([*of["train"], *of["val"] * 2, *of["test"] * 2]) == sorted(words * 2)
    assert set(of["train"]).isdisjoint(of["val"])
    assert set(of["val"]).isdisjoint(of["test"])
    other = open_reader("cmudict", shares={"train": 0.5, "val": 0.2, "test": 0.3}, seed=2)
    assert other.read(path / "test")["id"][:] != reader.read(path / "test")["id"][:]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("abbey", r"'abbey' has no phonemes; expected `word PH ON EMES`"),
        ("abbey\tAE1 B IY0", r"'abbey\\tAE1' is not a word; expected letters"),
        ("abbey(x) AE1 B IY0", r"'abbey\(x\)' is not a word; expected letters, and `word\(2\)`"),
        ("(2) AE1", r"'\(2\)' is not a word"),
        ("new york N UW1", r"phoneme 'york' of 'new'; expected capitals .* put comments after ` # `"),
        ("abbey AE3", r"phoneme 'AE3' of 'abbey'"),
    ],
    ids=["bare", "tab", "variant", "variant of nothing", "two words", "stress"],
)
def test_malformed_lines_are_refused_by_path_and_line(open_reader: Open, tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path, f"abbe AE1 B IY0\n{line}\n")
    with pytest.raises(DataError, match=rf"cmudict\.dict:2: .*({message})"):
        open_reader("cmudict").read(path / "train")


def test_all_faults_are_reported_and_the_rest_is_read(open_reader: Open, tmp_path: Path) -> None:
    faults: list[Fault] = []
    path = write(tmp_path, "abbe AE1 B IY0\nabbey\na(b) AE1\nacre EY1 K ER0\n")

    records = open_reader("cmudict", shares=ALL_TRAIN).read(path / "train", report=faults.append)

    assert [fault.line for fault in faults] == [2, 3]
    assert records["id"][:] == ["abbe", "acre"]


def test_files_without_words_are_refused(open_reader: Open, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cmudict\.dict:1: the file holds no words"):
        open_reader("cmudict").read(write(tmp_path, ";;; nothing\n") / "train")
    with pytest.raises(DataError, match=r"other\.dict: cannot be read"):
        open_reader("cmudict", file="other.dict").read(tmp_path / "train")


def test_other_splits_and_shares_are_refused(open_reader: Open, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dev: no split of a pronouncing dictionary; expected train, val, test"):
        open_reader("cmudict").read(write(tmp_path) / "dev")
    with pytest.raises(ConfigError, match=r"shares is .*'train': 0\.5.*together 1"):
        open_reader("cmudict", shares={"train": 0.5, "val": 0.1, "test": 0.1})


def test_splits_of_the_config_are_read(tmp_path: Path) -> None:
    words = ["".join(chr(97 + i // 26**k % 26) for k in range(3)) for i in range(300)]
    write(tmp_path, "".join(f"{word} AH0\n" for word in words))
    config = plain(compose(["paths.run_dir=.", "data=cmudict", f"data.dir={tmp_path}"]))["data"]

    splits = read_splits(config, targets=known_targets(), seed=0)

    assert sorted(name for records in splits.values() for name in records["id"]) == sorted(words)
    assert {split: "alternatives" in records.column_names for split, records in splits.items()} == {
        "train": False,
        "val": True,
        "test": True,
    }


@pytest.mark.slow
def test_cmudict_is_read_whole(open_reader: Open, corpora: Path) -> None:
    reader = open_reader("cmudict")
    splits = {split: reader.read(corpora / "cmudict" / split) for split in ("val", "test")}

    assert {split: len(records) for split, records in splits.items()} == {"val": 6397, "test": 6333}
    assert {label for labels in splits["val"]["labels"] for label in labels} == {
        line.split("\t")[0] for line in (corpora / "cmudict" / "cmudict.phones").read_text().splitlines()
    }
    assert set("".join("".join(tokens) for tokens in splits["test"]["tokens"])) <= set("abcdefghijklmnopqrstuvwxyz'-.")
    several = sum(bool(alternatives) for alternatives in splits["test"]["alternatives"])
    assert several == 403
