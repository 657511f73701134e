import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import datasets
import pyarrow.parquet
import pytest

from seqlab.data.readers import Reader
from seqlab.errors import ConfigError, DataError

Open = Callable[..., Reader]

STRINGS = datasets.List(datasets.Value("string"))
TAGS = datasets.List(datasets.ClassLabel(names=["O", "B-X"]))


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        pytest.fail("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


@pytest.fixture
def tagged() -> datasets.Dataset:
    columns = {"words": [["a", "b"], [], ["c"]], "ner": [[0, 1], [], [1]], "more": [1, 2, 3]}
    features = datasets.Features({"words": STRINGS, "ner": TAGS, "more": datasets.Value("int64")})
    return datasets.Dataset.from_dict(columns, features=features)


def test_hub_reads_a_local_folder_with_class_names(open_reader: Open, tmp_path: Path, tagged: datasets.Dataset) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    pyarrow.parquet.write_table(tagged.data.table, folder / "train-00000.parquet")

    reader = open_reader("hub", name=str(folder), columns={"tokens": "words", "tags": "ner"})

    assert reader.read(Path("train")).to_list() == [
        {"id": "train-1", "tokens": ["a", "b"], "tags": ["O", "B-X"]},
        {"id": "train-2", "tokens": [], "tags": []},
        {"id": "train-3", "tokens": ["c"], "tags": ["B-X"]},
    ]
    assert len(reader.read(Path("train[:2]"))) == 2


def test_hub_reads_a_saved_data_set_and_tokenizes(open_reader: Open, tmp_path: Path) -> None:
    features = datasets.Features({"body": datasets.Value("string"), "y": datasets.ClassLabel(names=["neg", "pos"])})
    data = datasets.Dataset.from_dict({"body": ["So good!", "Bad"], "y": [1, 0]}, features=features)
    datasets.DatasetDict(test=data).save_to_disk(tmp_path / "all")
    data.save_to_disk(tmp_path / "one")

    for name in ("all", "one"):
        reader = open_reader("hub", name=str(tmp_path / name), columns={"text": "body", "label": "y"})
        records = reader.read(Path("test"))
        assert records["tokens"][:] == [["So", "good", "!"], ["Bad"]]
        assert records["label"][:] == ["pos", "neg"]
        assert records["offsets"][0][2] == [7, 8]


def test_hub_names_what_is_missing(open_reader: Open, tmp_path: Path, tagged: datasets.Dataset) -> None:
    datasets.DatasetDict(train=tagged).save_to_disk(tmp_path / "data")
    name = str(tmp_path / "data")

    with pytest.raises(DataError, match=r"no column 'tokens' among \['words', 'ner', 'more'\]"):
        open_reader("hub", name=name).read(Path("train"))
    with pytest.raises(DataError, match="cannot load split 'dev': "):
        open_reader("hub", name=name).read(Path("dev"))
    with pytest.raises(DataError, match="cannot load split 'train': no such folder"):
        open_reader("hub", name=str(tmp_path / "nowhere")).read(Path("train"))
    with pytest.raises(ConfigError, match="expected tokens or text"):
        open_reader("hub", name=name, columns={"tags": "ner"})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train.jsonl", b""),
        ("train.jsonl", b'{"tokens": ["a"], "tags": ["B-\xff"]}\n'),
        ("dataset_info.json", b'{"features": {"tokens": "list"}}'),
    ],
)
def test_hub_refuses_damaged_files(open_reader: Open, tmp_path: Path, name: str, content: bytes) -> None:
    folder = tmp_path / "data"
    if name != "train.jsonl":
        datasets.Dataset.from_dict({"tokens": [["a"]], "tags": [["O"]]}).save_to_disk(folder)
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{folder}: cannot load split 'train': .+; check data.name and data.splits"):
        open_reader("hub", name=str(folder)).read(Path("train"))


def test_hub_reads_frames_without_tokens(open_reader: Open, tmp_path: Path) -> None:
    columns = {"numbers": [[[0.5, 1.0], [2.0, 3.0]], []], "tags": [["A", "B"], []]}
    datasets.Dataset.from_dict(columns).save_to_disk(tmp_path / "saved")
    read = {"frames": "numbers", "tags": "tags"}

    records = open_reader("hub", name=str(tmp_path / "saved"), columns=read).read(Path("train"))

    assert records.to_list() == [
        {"id": "train-1", "frames": [[0.5, 1.0], [2.0, 3.0]], "tags": ["A", "B"]},
        {"id": "train-2", "frames": [], "tags": []},
    ]
    for bad, message in (([[[1.0], [1.0]]], "2 frames"), ([[[float("inf")]]], "frame 1 holds inf"), ([None], "frames is None")):
        datasets.Dataset.from_dict({"numbers": bad, "tags": [["A"]]}).save_to_disk(tmp_path / "bad")
        with pytest.raises(DataError, match=rf"bad: split 'train', record 1: .*{message}"):
            open_reader("hub", name=str(tmp_path / "bad"), columns=read).read(Path("train"))
