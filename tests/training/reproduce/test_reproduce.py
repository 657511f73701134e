"""Runs run again: bit-identical, or with a list of differences; changed data stop it before training."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from seqlab.cli import main
from seqlab.errors import ConfigError, DataError
from seqlab.runs.run import FinishedRun
from seqlab.testing.runs import train_small, write_corpus
from seqlab.training.reproduce import Original
from seqlab.training.train import Run

ENCODER = """
from seqlab.encoders import Encoder

class Tenfold(Encoder):
    def __init__(self, *, input_width, width):
        super().__init__()
        self.output_width = self.summary_width = input_width

    def forward(self, steps):
        return steps.with_values(steps.values * 10, summary=steps.values.sum(1))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    data = write_corpus(tmp_path_factory.mktemp("corpus") / "data")
    return train_small(data, tmp_path_factory.mktemp("run"), ["trainer.max_epochs=1", "head=[crf]"])


@pytest.fixture
def copy(run: Run, tmp_path: Path) -> Path:
    """Return a copy of the run folder, which a test may change."""
    return Path(shutil.copytree(run.folder, tmp_path / "copy"))


def test_a_run_is_reproduced_to_the_bit(run: Run, tmp_path: Path) -> None:
    found = Original(run.folder).reproduce(tmp_path / "again", allow=())
    assert found.is_identical
    assert (found.metrics, found.settings, found.sources) == ([], [], [])
    again, first = FinishedRun(tmp_path / "again"), FinishedRun(run.folder)
    assert again.metrics == first.metrics
    assert again.config["callbacks"]["model_checkpoint"]["dirpath"] == str(tmp_path / "again" / "checkpoints")


def test_another_config_has_other_metrics(copy: Path, tmp_path: Path) -> None:
    config = yaml.safe_load((copy / "config.yaml").read_text())
    config["optimizer"]["lr"] *= 3
    (copy / "config.yaml").write_text(yaml.safe_dump(config))
    found = Original(copy).reproduce(tmp_path / "again", allow=())
    assert not found.is_identical
    assert found.metrics
    assert not found.has_same_weights


def test_changed_data_stop_it_unless_anyway(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = json.loads((copy / "lock.json").read_text())
    data = tmp_path / "data"
    source = Path(lock["sources"][0]["name"]).parent.parent
    shutil.copytree(source, data)
    for name in ("lock.json", "config.yaml"):
        (copy / name).write_text((copy / name).read_text().replace(str(source), str(data)))
    file = data / "train" / "seq.in"
    file.write_text(file.read_text().replace("Kiel", "Bonn"))
    assert main(["reproduce", str(copy), "-o", str(tmp_path / "again")]) == 2
    err = capsys.readouterr().err
    assert f"data: {file} has changed: " in err
    assert "add --anyway" in err
    assert not (tmp_path / "again").exists()
    assert main(["reproduce", str(copy), "-o", str(tmp_path / "again"), "--anyway"]) == 1
    out = capsys.readouterr().out
    assert f"data: {file} has changed" in out
    assert "not reproduced" in out or "weights differ" in out


def test_differences_of_the_environment_are_reported(copy: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    environment = json.loads((copy / "environment.json").read_text())
    environment["packages"]["torch"] = "0.1"
    (copy / "environment.json").write_text(json.dumps(environment))
    assert main(["reproduce", str(copy), "-o", str(tmp_path / "again")]) == 0
    captured = capsys.readouterr()
    assert "torch: 0.1 then, " in captured.err
    assert "metrics and weights are bit-identical" in captured.out
    assert "differences in data and environment:\n  torch: 0.1 then" in captured.out


def test_own_classes_ask_for_leave(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "tenfold_again.py").write_text(ENCODER)
    data = FinishedRun(run.folder).config["data"]["dir"]
    own = train_small(Path(data), tmp_path / "own", ["trainer.max_epochs=1", "encoder._target_=tenfold_again.Tenfold"])
    with pytest.raises(ConfigError, match=r"needs tenfold_again\.Tenfold.*add --allow tenfold_again\.Tenfold"):
        Original(own.folder).reproduce(tmp_path / "again", allow=())
    assert Original(own.folder).reproduce(tmp_path / "again", allow=["tenfold_again.Tenfold"]).is_identical


def test_impossible_folders_are_reported(run: Run, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"lock\.json does not exist"):
        Original(tmp_path).changed_data()
    (tmp_path / "repeats.json").write_text('{"format": 1, "repetitions": [{"name": "seed_1", "status": "finished"}]}')
    with pytest.raises(DataError, match=r"is a repeated run; reproduce one of its repetitions: .*/seed_1"):
        Original(tmp_path).changed_data()
    with pytest.raises(ConfigError, match="is not empty; choose a new folder"):
        Original(run.folder).reproduce(tmp_path, allow=())
