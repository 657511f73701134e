import csv
from pathlib import Path

import pytest

from seqlab.errors import ConfigError
from seqlab.testing.runs import train_small
from seqlab.training.callbacks import GradientFlow
from seqlab.training.train import Run

FLOW = ["callbacks=[default,gradient_flow]", "callbacks.gradient_flow.every_n_steps=2"]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def watched(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train_small(data, tmp_path_factory.mktemp("watched"), FLOW)


def test_norms_of_every_parameter_are_on_record(watched: Run) -> None:
    found = rows(watched.folder / "gradient_flow.csv")
    steps = {int(row["training_step"]) for row in found}
    assert steps
    assert all(step % 2 == 0 for step in steps)
    names = {row["parameter"] for row in found}
    assert {"encoder.layers.0.cells.0.weight_hh", "encoder.layers.0.cells.1.weight_hh", "heads.tags.transitions"} <= names
    assert all(float(row["gradient_norm"]) >= 0 for row in found)
    assert any(float(row["gradient_norm"]) > 0 for row in found)
    assert all(float(row["parameter_norm"]) > 0 for row in found if row["parameter"].endswith("weight_hh"))


def test_norms_of_every_step_are_on_record_in_both_directions(data: Path, tmp_path: Path) -> None:
    run = train_small(data, tmp_path / "run", [*FLOW, "encoder.depth=2", "encoder.drop_prob=0"])
    found = rows(run.folder / "gradient_flow_by_step.csv")
    assert {row["layer"] for row in found} == {"encoder.layers.0", "encoder.layers.1"}
    assert {row["direction"] for row in found} == {"0", "1"}
    assert max(int(row["step"]) for row in found) == 4  # the longest record has five
    assert all(float(row["gradient_norm"]) > 0 for row in found)
    first = [row for row in found if row["training_step"] == "0" and row["layer"] == "encoder.layers.0"]
    counts = [int(row["n_records"]) for row in first if row["direction"] == "0"]
    assert counts == sorted(counts, reverse=True)


def test_watching_changes_no_weight(data: Path, watched: Run, tmp_path: Path) -> None:
    plain = train_small(data, tmp_path / "plain")
    weights = [(run.model / "weights.safetensors").read_bytes() for run in (plain, watched)]
    assert weights[0] == weights[1]


def test_a_resumed_run_goes_on_with_the_tables(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train_small(data, folder, [*FLOW, "trainer.max_epochs=1"])
    before = rows(folder / "gradient_flow.csv")
    train_small(data, folder, [*FLOW, "trainer.max_epochs=2", f"ckpt_path={folder / 'checkpoints' / 'last.ckpt'}"])
    after = rows(folder / "gradient_flow.csv")
    assert after[: len(before)] == before
    assert len(after) > len(before)


def test_a_number_of_steps_is_at_least_one() -> None:
    with pytest.raises(ConfigError, match="every_n_steps is 0; expected at least 1"):
        GradientFlow(folder=".", every_n_steps=0)
