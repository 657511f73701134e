import functools
import operator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqlab.config.build import known_targets
from seqlab.data.columns import string_records
from seqlab.data.fields import CategoryField
from seqlab.data.fields.registry import Fields
from seqlab.data.splits import read_splits
from seqlab.errors import ConfigError, DataError
from seqlab.training.datamodule import LabelingData, evaluation_loader


def config_of(
    folder: Path, *, train: str | None = "train.conll", val: str | None = None, holdout: float = 0.25
) -> dict[str, Any]:
    return {
        "reader": {
            "_target_": "seqlab.data.readers.ConllReader",
            "columns": {"tokens": 0, "tags": -1},
            "separator": "auto",
            "skip_docstart": True,
            "comment_prefix": None,
            "scheme": None,
            "target_scheme": None,
        },
        "dir": str(folder),
        "splits": {"train": train, "val": val, "test": None},
        "holdout": holdout,
        "scheme": None,
    }


def written(folder: Path, *, n_records: int = 12) -> Path:
    (folder / "train.conll").write_text("".join(f"w{i}\tX\n\n" for i in range(n_records)), encoding="utf-8")
    (folder / "val.conll").write_text("v0\tX\n\n", encoding="utf-8")
    return folder


def read(config: dict[str, Any], *, seed: int = 1) -> dict[str, list[list[str]]]:
    splits = read_splits(config, targets=known_targets(), seed=seed)
    return {split: records["tokens"][:] for split, records in splits.items()}


def test_without_val_a_share_of_train_is_held_out(tmp_path: Path) -> None:
    splits = read(config_of(written(tmp_path)))
    assert (len(splits["train"]), len(splits["val"])) == (9, 3)
    assert sorted(splits["train"] + splits["val"]) == sorted([f"w{i}"] for i in range(12))


def test_held_out_records_depend_on_the_seed_alone(tmp_path: Path) -> None:
    config = config_of(written(tmp_path))
    assert read(config, seed=0) == read(config, seed=0)
    assert read(config, seed=0) != read(config, seed=1)


def test_a_validation_file_is_taken_as_it_is(tmp_path: Path) -> None:
    splits = read(config_of(written(tmp_path), val="val.conll"))
    assert splits["val"] == [["v0"]]
    assert len(splits["train"]) == 12


@pytest.mark.parametrize("holdout", [0.0, 1.0, -0.1])
def test_a_share_outside_0_to_1_is_refused(tmp_path: Path, holdout: float) -> None:
    with pytest.raises(ConfigError, match=rf"data.holdout is {holdout}; expected a share"):
        read(config_of(written(tmp_path), holdout=holdout))


def test_too_few_records_to_hold_any_out_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1 training records are too few to hold 1 out; set data.splits.val"):
        read(config_of(written(tmp_path, n_records=1)))


def test_an_unknown_split_is_refused(tmp_path: Path) -> None:
    config = config_of(written(tmp_path))
    config["splits"]["dev"] = "val.conll"
    with pytest.raises(ConfigError, match=r"data.splits has dev; expected train, val, test"):
        read(config)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.conll"):
        read(config_of(tmp_path, train="absent.conll"))


def words(n_records: int) -> LabelingData:
    field = CategoryField(column="tokens", view="identity", min_count=1)
    columns = string_records({"tokens": [[f"w{i}"] * (i % 5) for i in range(n_records)]})
    fields = Fields({field.key: field})
    fields.fit(columns.records)
    records = fields.encode(columns.records)
    return LabelingData({"train": records, "val": records, "test": records}, max_tokens=12, max_eval_tokens=20, seed=3)


def test_training_batches_change_by_epoch_and_hold_every_record() -> None:
    loader = words(30).train_dataloader()
    epochs = []
    for epoch in (0, 1):
        loader.sampler.set_epoch(epoch)
        epochs.append([batch.rows.tolist() for batch in loader])
    assert epochs[0] != epochs[1]
    assert [sorted(functools.reduce(operator.iadd, batches, [])) for batches in epochs] == [list(range(30))] * 2


def test_evaluation_batches_hold_every_record_longest_first() -> None:
    data = words(30)
    for loader in (data.val_dataloader(), data.test_dataloader()):
        batches = list(loader)
        rows = np.concatenate([batch.rows for batch in batches])
        assert sorted(rows.tolist()) == list(range(30))
        assert all(int(batch.lengths.max()) * len(batch) <= 20 for batch in batches)
        lengths = np.concatenate([batch.lengths for batch in batches]).tolist()
        assert lengths == sorted(lengths, reverse=True)


def test_no_records_give_no_batches() -> None:
    field = CategoryField(column="tokens", view="identity", min_count=1)
    columns = string_records({"tokens": [["w"]]})
    fields = Fields({field.key: field})
    fields.fit(columns.records)
    empty = fields.encode(columns.records.select([]))
    assert list(evaluation_loader(empty, max_tokens=8)) == []


@pytest.mark.parametrize(
    ("split", "message"),
    [("train", r"train: no record to read as split train; choose another file$"), ("val", r"data.splits.val=null")],
)
def test_a_split_without_records_is_refused(split: str, message: str) -> None:
    sizes = {"n_train": 3, "n_val": 3, "n_test": 3} | {f"n_{split}": 0}
    reader = {"_target_": "seqlab.data.sample.SampleReader", "corpus": "tags", "seed": 1, **sizes}
    splits = {"train": "train", "val": "val", "test": "test"}
    config = {"reader": reader, "dir": None, "splits": splits, "holdout": 0.1, "scheme": None}
    with pytest.raises(DataError, match=message):
        read_splits(config, targets=known_targets(), seed=0)
