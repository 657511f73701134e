"""Files whose columns look swapped or wrong are refused; tag sets of all real kinds are not."""

import random
from collections.abc import Callable, Iterable
from pathlib import Path

import datasets
import pytest

from seqlab.data.readers import Reader
from seqlab.errors import DataError

Open = Callable[..., Reader]
CHANGE = "data.reader.check_columns=false reads them as they are"


def sentences(n: int, *, n_words: int, n_tags: int) -> list[list[tuple[str, str]]]:
    """Return sentences of 10 tokens whose words and tags are distributed as in text: the k-th most frequent with 1 / k."""
    draw = random.Random(1)
    words, tags = ([1 / k for k in range(1, size + 1)] for size in (n_words, n_tags))

    def sentence() -> list[tuple[str, str]]:
        return [
            (f"w{word}", f"T{tag}")
            for word, tag in zip(
                draw.choices(range(n_words), words, k=10), draw.choices(range(n_tags), tags, k=10), strict=True
            )
        ]

    return [sentence() for _ in range(n)]


def columns(path: Path, rows: Iterable[Iterable[Iterable[str]]]) -> Path:
    path.write_text("\n\n".join("\n".join("\t".join(cells) for cells in row) for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(("n", "n_tags"), [(20, 13), (200, 13), (200, 49), (20, 49), (400, 230), (60, 90)])
def test_conll_refuses_swapped_columns_of_any_tag_set(open_reader: Open, tmp_path: Path, n: int, n_tags: int) -> None:
    path = columns(tmp_path / "x", sentences(n, n_words=5000, n_tags=n_tags))

    assert len(open_reader("conll").read(path)) == n
    swapped = {"columns": {"tokens": 1, "tags": 0}}
    with pytest.raises(DataError, match=rf"x:1: tags have .*columns are \{{tokens: 1, tags: 0\}}: swapped.*{CHANGE}"):
        open_reader("conll", **swapped).read(path)
    assert len(open_reader("conll", **swapped, check_columns=False).read(path)) == n


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_conll_refuses_tags_that_are_the_only_column(open_reader: Open, tmp_path: Path, ends: str) -> None:
    (tmp_path / "x").write_bytes(ends.join(("A", "B", "", "C", "D", "")).encode())

    with pytest.raises(DataError, match=rf"x:1: tokens and tags are the same column, 0 of 1; .*{CHANGE}"):
        open_reader("conll").read(tmp_path / "x")
    only = {"tokens": 0, "tags": None}
    assert open_reader("conll", columns=only).read(tmp_path / "x")["tokens"][:] == [["A", "B"], ["C", "D"]]
    assert open_reader("conll", check_columns=False).read(tmp_path / "x")["tags"][0] == ["A", "B"]


@pytest.mark.parametrize("first", [0, 1])
def test_conll_refuses_tokens_that_count(open_reader: Open, tmp_path: Path, first: int) -> None:
    path = columns(tmp_path / "x", [[(str(i), "w", "O") for i in range(first, first + n)] for n in (1, 3, 5)])

    with pytest.raises(DataError, match=rf"x:1: tokens count 1, 2, 3 …; columns are \{{tokens: 0, tags: -1\}}.*{CHANGE}"):
        open_reader("conll").read(path)
    assert len(open_reader("conll", columns={"tokens": 1, "tags": 2}).read(path)) == 3


def test_conll_reads_numbers_that_do_not_count(open_reader: Open, tmp_path: Path) -> None:
    path = columns(tmp_path / "x", [[("1", "O"), ("2", "O")], [("7", "O"), ("8", "O"), ("9", "O")]])
    assert len(open_reader("conll").read(path)) == 2


def test_conll_suggests_a_prefix_of_comments_once(open_reader: Open, tmp_path: Path) -> None:
    text = "".join(f"# sentence {i}\na\tO\n# 5\tO\n\n" for i in range(3))
    (tmp_path / "x").write_text(text, encoding="utf-8")
    faults: list[str] = []

    records = open_reader("conll").read(tmp_path / "x", report=lambda fault: faults.append(str(fault)))

    assert len(faults) == 1
    assert "x:1: 3 line(s) start with `#` and do not have 2 columns" in faults[0]
    assert """set 'data.reader.comment_prefix="#"'""" in faults[0]
    assert records["tokens"][:] == [["a", "# 5"]] * 3


def test_other_readers_name_their_own_columns(open_reader: Open, tmp_path: Path) -> None:
    rows = sentences(200, n_words=5000, n_tags=13)
    words, tags = ([[cells[i] for cells in row] for row in rows] for i in (0, 1))
    for name, lines in (("words", words), ("tags", tags)):
        (tmp_path / name).write_text("\n".join(map(" ".join, lines)), encoding="utf-8")
    datasets.Dataset.from_dict({"words": words, "ner": tags}).save_to_disk(tmp_path / "hub")

    with pytest.raises(DataError, match=r"tags:1: .*\{tokens: tags, tags: words\}.*set data.reader.files"):
        open_reader("lines", files={"tokens": "tags", "tags": "words"}).read(tmp_path)
    with pytest.raises(DataError, match=r"hub/train:1: .*\{tokens: ner, tags: words\}.*set data.reader.columns"):
        open_reader("hub", name=str(tmp_path / "hub"), columns={"tokens": "ner", "tags": "words"}).read(Path("train"))
    (tmp_path / "x").write_text('{"tokens": ["a", "b", "c"], "tags": ["a", "b", "c"]}\n', encoding="utf-8")
    with pytest.raises(DataError, match="x:1: 3 of 3 tags equal their tokens"):
        open_reader("jsonl").read(tmp_path / "x")


def classified(*, n: int, labels: int) -> list[tuple[str, str]]:
    """Return texts, of which some recur, with labels that recur."""
    return [(f"so good {i if i % 5 else i // 10}", f"class {i * i % labels}") for i in range(n)]


def table(path: Path, rows: list[tuple[str, str]]) -> Path:
    path.write_text("".join(f"{text},{label}\n" for text, label in [("text", "label"), *rows]), encoding="utf-8")
    return path


SWAPPED = {"text_column": "label", "label_column": "text"}


@pytest.mark.parametrize(("n", "labels"), [(20, 2), (60, 5), (400, 30)])
def test_tables_refuse_swapped_columns(open_reader: Open, tmp_path: Path, n: int, labels: int) -> None:
    path = table(tmp_path / "x.csv", classified(n=n, labels=labels))

    assert len(open_reader("csv").read(path)) == n
    message = (
        rf"x.csv:2: labels have \d+ different values in {n} records .*, texts \d+; columns are \{{text: label, label: text\}}"
    )
    with pytest.raises(DataError, match=rf"{message}.*set data.reader.text_column and data.reader.label_column; {CHANGE}"):
        open_reader("csv", **SWAPPED).read(path)
    assert len(open_reader("csv", **SWAPPED, check_columns=False).read(path)) == n


def test_swapped_labels_are_found_in_every_format_with_texts(open_reader: Open, tmp_path: Path) -> None:
    rows = classified(n=60, labels=5)
    columns = {"text": [label for _, label in rows], "label": [text for text, _ in rows]}
    (tmp_path / "x").write_text(
        "".join(f'{{"text": "{label}", "label": "{text}"}}\n' for text, label in rows), encoding="utf-8"
    )
    datasets.Dataset.from_dict(columns).save_to_disk(tmp_path / "hub")
    datasets.Dataset.from_dict(columns).to_parquet(tmp_path / "x.parquet")
    (tmp_path / "seq.in").write_text("\n".join(columns["text"]), encoding="utf-8")
    (tmp_path / "label").write_text("\n".join(columns["label"]), encoding="utf-8")

    for reader, path in (
        (open_reader("jsonl"), tmp_path / "x"),
        (open_reader("hub", name=str(tmp_path / "hub"), columns={"text": "text", "label": "label"}), Path("train")),
        (open_reader("parquet"), tmp_path / "x.parquet"),
        (open_reader("lines", files={"tokens": "seq.in", "label": "label"}), tmp_path),
    ):
        with pytest.raises(DataError, match=rf"labels have \d+ different values in 60 records .*: swapped.*{CHANGE}"):
            reader.read(path)


@pytest.mark.parametrize("label_separator", [None, ";"])
def test_fine_labels_and_short_texts_are_no_swapped_columns(
    open_reader: Open, tmp_path: Path, label_separator: str | None
) -> None:
    for rows in (
        [(f"w{i}", f"long label {i}") for i in range(50)],  # a label for each text
        [(f"w{i % 30}", f"a;b{i % 40}") for i in range(90)],  # more labels than texts, which recur
        [("same text", "x")] * 50,
        [("yes", f"reason {i}") for i in range(9)],  # too few to tell
    ):
        path = table(tmp_path / "x.csv", rows)
        assert len(open_reader("csv", label_separator=label_separator).read(path)) == len(rows)


@pytest.mark.parametrize("corpus", ["tags", "intents", "trees"])
def test_labels_of_the_sample_corpora_are_no_texts(open_reader: Open, tmp_path: Path, corpus: str) -> None:
    records = open_reader(f"sample_{corpus}" if corpus != "tags" else "sample", n_train=300).read(Path("train"))
    rows = [
        (" ".join(tokens).replace(",", ""), str(label))
        for tokens, label in zip(records["tokens"], records["label"], strict=True)
    ]
    assert len(open_reader("csv").read(table(tmp_path / "x.csv", rows))) == 300
    with pytest.raises(DataError, match=r"labels have .* swapped"):
        open_reader("csv", **SWAPPED).read(tmp_path / "x.csv")


def test_snips_has_no_swapped_columns(open_reader: Open, tmp_path: Path, corpora: Path) -> None:
    folder = corpora / "snips" / "tokenised" / "dev"
    texts, labels = ((folder / name).read_text(encoding="utf-8").splitlines() for name in ("seq.in", "label"))
    rows = [(text.replace(",", "").replace('"', ""), label) for text, label in zip(texts, labels, strict=True)]
    for n in (20, len(rows)):
        assert len(open_reader("csv").read(table(tmp_path / "x.csv", rows[:n]))) == n
    with pytest.raises(DataError, match=r"labels have .* swapped"):
        open_reader("csv", **SWAPPED).read(tmp_path / "x.csv")
