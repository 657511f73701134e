"""Small good files of each format that a reader, or `seqlab predict`, reads."""

import json
import struct
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

_CONLLU = (
    b"# text = Ada met\n1\tAda\tAda\tPROPN\tNNP\tNumber=Sing\t2\tnsubj\t_\tEntity=(1-person-1)\n"
    b"2\tmet\tmeet\tVERB\tVBD\t_\t0\troot\t_\t_\n\n1-2\tzum\t_\t_\t_\t_\t_\t_\t_\t_\n"
    b"1\tzu\tzu\tADP\t_\t_\t2\tcase\t_\t_\n2\tdem\tder\tDET\t_\t_\t0\troot\t_\t_\n\n"
)
_TREES = b"(S (NP (NNP Ada)) (VP (VBD met) (NP (NNP Bob))) (. .))\n(S (NP (PRP it)) (VP (VBZ rains)))\n"
_TREES_OF_CONLLU = b"(S (NP (NNP Ada)) (VP (VBD met)))\n(PP (IN zu) (DT dem))\n"
_JSONL = (
    b'{"id": 1, "tokens": ["Ada", "met", "Bob"], "tags": ["B-PER", "O", "B-PER"], "label": "ask"}\n'
    b'{"id": 2, "tokens": ["in", "Kiel"], "tags": ["O", "B-LOC"], "label": "tell"}\n'
)
_SPANS = (
    b'{"id": 1, "text": "Ada met Bob", "spans": [[0, 3, "PER"], [8, 11, "PER"]], "label": "ask"}\n'
    b'{"id": 2, "text": "in New York", "spans": [[3, 11, "LOC"]], "label": "tell"}\n'
)
_PAIRS = ("pair_ID", "sentence_A", "sentence_B", "relatedness_score", "entailment_judgment")
_PAIR_ROWS: tuple[tuple[Any, ...], ...] = (
    ("1", "Ada met Bob", "Bob met Ada", 4.5, "NEUTRAL"),
    ("2", "it rains", "it is dry", 2.0, "CONTRADICTION"),
)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Good files, and how they are read."""

    option: str
    """Option of ``conf/data`` whose reader reads them; of an input, its format."""
    files: Mapping[str, bytes]
    """Path below the folder of the sample -> content."""
    path: str
    """What is read, below the folder."""
    overrides: Sequence[str] = field(default_factory=list)
    """Settings of the reader."""
    share: float = 1.0
    """Share of the tries, for formats that are read slowly."""

    def write(self, folder: Path) -> Path:
        """Write the files, and return the path to read."""
        for name, content in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder / self.path


def single(option: str, name: str, content: bytes, *overrides: str) -> Sample:
    """Return the sample of one file."""
    return Sample(option=option, files={name: content}, path=name, overrides=overrides)


def readers(folder: Path) -> dict[str, Sample]:
    """Return a sample for each kind of training data; `folder` is for files on the way."""
    lines = {"a/seq.in": b"play jazz\nstop\n", "a/seq.out": b"O B-GENRE\nO\n", "a/label": b"PlayMusic\nStop\n"}
    digits = {f"recordings/{digit}_ada_{index}.wav": wav(digit + index) for digit in (1, 2) for index in (8, 9)}
    return {
        "conll": single("conll", "a.conll", b"Ada\tB-PER\nmet\tO\nBob\tB-PER\n\nin\tO\nNew\tB-LOC\nYork\tI-LOC\n"),
        "conllu": single("conllu", "a.conllu", _CONLLU),
        "conllu as characters": single("conllu_characters", "a.conllu", _CONLLU),
        "conllu and trees": Sample(
            option="conllu_trees", files={"a.conllu": _CONLLU, "a.ptb": _TREES_OF_CONLLU}, path="a.conllu"
        ),
        "jsonl": single("jsonl", "a.jsonl", _JSONL),
        "jsonl with spans": single("jsonl", "a.jsonl", _SPANS),
        "csv": single("csv", "a.csv", b'id,text,label\n1,"Ada met, Bob",ask\n2,"he said ""no""",tell\n'),
        "tsv": single("csv", "a.tsv", b"id\ttext\tlabel\n1\tAda met Bob\task\n2\tin Kiel\ttell\n"),
        "parquet": single("parquet", "a.parquet", parquet({"text": ["Ada met Bob", "in Kiel"], "label": ["ask", "tell"]})),
        "parallel files": Sample(option="lines", files=lines, path="a"),
        "trees": single("trees", "a.ptb", _TREES),
        "pairs": single("pairs", "a.txt", "".join("\t".join(map(str, row)) + "\n" for row in (_PAIRS, *_PAIR_ROWS)).encode()),
        "pairs in jsonl": single(
            "pairs", "a.jsonl", "".join(json.dumps(dict(zip(_PAIRS, row, strict=True))) + "\n" for row in _PAIR_ROWS).encode()
        ),
        "pronunciations": Sample(
            option="cmudict",
            files={"a.dict": b"ada EY1 D AH0\nbob B AA1 B\nbob(2) B AO1 B # rare\nkiel K IY1 L\n"},
            path="train",
            overrides=["file=a.dict"],
        ),
        "recordings": Sample(option="spoken_digits", files=digits, path="train", overrides=["n_train=4"]),
        "data set on disk": Sample(option="hub", files=_on_disk(folder / "on_disk"), path="", share=0.5),
        "folder of a data set": Sample(option="hub", files={"train.jsonl": _JSONL}, path="", share=0.1),
    }


def inputs() -> dict[str, Sample]:
    """Return a sample for each format that `seqlab predict` reads."""
    table = {"text": ["Ada met Bob", "in Kiel"], "n": [1, 2]}
    return {
        "text": single("text", "a.txt", "Ada met Bob in Kiel.\n\nIt's 10:30 \U0001f600 – see www.example.org\n".encode()),
        "conll": single("conll", "a.conll", b"Ada B-PER\nmet O\nBob B-PER\n\nin O\nKiel B-LOC\n"),
        "conllu": single("conllu", "a.conllu", _CONLLU),
        "jsonl": single("jsonl", "a.jsonl", _JSONL),
        "jsonl of texts": single("jsonl", "a.jsonl", b'{"id": "a", "text": "Ada met Bob"}\n{"id": "b", "text": "in Kiel"}\n'),
        "jsonl of texts and tokens": single(
            "jsonl", "a.jsonl", b'{"text": "Ada met", "tokens": ["Ada", "met"], "offsets": [[0, 3], [4, 7]]}\n' * 2
        ),
        "csv": single("csv", "a.csv", b'id,text,label\n1,"Ada met, Bob",ask\n2,"he said ""no""",tell\n'),
        "tsv": single("csv", "a.tsv", b"id\ttext\tlabel\n1\tAda met Bob\task\n2\tin Kiel\ttell\n"),
        "parquet": single("parquet", "a.parquet", parquet(table)),
        "parquet with tokens": single("parquet", "a.parquet", parquet({"tokens": [["Ada", "met"], ["in", "Kiel"]]})),
        "parallel files": Sample(option="lines", files={"a/seq.in": b"play jazz\nstop\n"}, path="a"),
        "trees": single("trees", "a.ptb", _TREES),
    }


def parquet(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """Return a Parquet file."""
    stream = BytesIO()
    pyarrow.parquet.write_table(pa.table(dict(columns)), stream)
    return stream.getvalue()


def wav(seed: int) -> bytes:
    """Return a short recording."""
    stream = BytesIO()
    with wave.open(stream, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"".join(struct.pack("<h", (step * (seed + 7) * 97) % 3000 - 1500) for step in range(800)))
    return stream.getvalue()


def _on_disk(folder: Path) -> dict[str, bytes]:
    import datasets

    rows = [json.loads(line) for line in _JSONL.splitlines()]
    datasets.DatasetDict({"train": datasets.Dataset.from_list(rows)}).save_to_disk(str(folder))
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
