"""Trackers get config, metrics, pictures and model: read back from what each leaves in its offline or local mode."""

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from seqlab.runs.run import FinishedRun
from seqlab.testing.runs import train_small, write_corpus
from seqlab.training.tracking import keep_to_itself
from seqlab.training.tracking.plots import MAX_LABELS, OTHERS, confusion, draw, label_pairs, while_training
from seqlab.training.train import Run

FAST = ["trainer.max_epochs=1", "head=[crf,sequence]", "monitor=val/tags/span_f1/strict"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::ResourceWarning"),
]


def needs(*packages: str) -> pytest.MarkDecorator:
    missing = [name for name in packages if find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}, an extra of seqlab")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "data")


@pytest.fixture(scope="module")
def plain(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train_small(corpus, tmp_path_factory.mktemp("plain"), FAST)


def test_without_trackers_nothing_is_drawn(plain: Run) -> None:
    assert not (plain.folder / "plots").exists()


@needs("tensorboard", "matplotlib")
def test_tensorboard_beside_csv(corpus: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = train_small(corpus, tmp_path, [*FAST, "logger=[csv,tensorboard]"])
    assert FinishedRun(run.folder).history()["train/loss"]
    events = EventAccumulator(str(run.folder / "tensorboard")).Reload()
    tags = events.Tags()
    assert "test/tags/span_f1/strict" in tags["scalars"]
    assert {"learning_curves", "confusion_tags", "confusion_label"} <= set(tags["images"])
    texts = {tag.removesuffix("/text_summary") for tag in tags["tensors"]}
    assert {"config.yaml", "lock.json", "metrics.json", "model"} <= texts
    model = events.Tensors("model/text_summary")[0].tensor_proto.string_val[0].decode()
    assert str(run.model) in model
    loss = events.Scalars("train/loss")[0].value
    assert loss == pytest.approx(FinishedRun(run.folder).history()["train/loss"][0][1], rel=1e-6)


@needs("mlflow", "sqlalchemy", "alembic", "matplotlib")
def test_mlflow_keeps_metrics_and_files_in_one_local_store(corpus: Path, tmp_path: Path) -> None:
    run = train_small(corpus, tmp_path / "run", [*FAST, "logger=[csv,mlflow]", f"paths.root_dir={tmp_path}"])
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (experiment,) = [one for one in client.search_experiments() if one.name == "train"]
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.run_name == str(run.folder)
    assert found.data.metrics["test/tags/span_f1/strict"] == run.metrics["test"]["tags"]["span_f1"]["strict"]
    assert (found.data.params["seed"], found.data.params["encoder.width"]) == ("12345", "8")
    kept = Path(client.download_artifacts(found.info.run_id, "."))
    assert (kept / "config.yaml").read_text() == (run.folder / "config.yaml").read_text()
    assert (kept / "model" / "weights.safetensors").read_bytes() == (run.model / "weights.safetensors").read_bytes()
    assert {path.name for path in (kept / "plots").iterdir()} == {
        "learning_curves.png",
        "confusion_tags.png",
        "confusion_label.png",
    }


@pytest.mark.slow
@needs("wandb", "matplotlib")
def test_wandb_offline_keeps_all_in_the_run_folder(corpus: Path, tmp_path: Path) -> None:
    runs = [train_small(corpus, tmp_path / name, [*FAST, "logger=[csv,wandb]"]) for name in "ab"]
    import wandb

    assert wandb.run is None
    wandb.teardown()  # as at the end of a process: what was kept in memory is written
    for run in runs:
        (record,) = (run.folder / "wandb").rglob("*.wandb")
        content = record.read_bytes()
        assert b"test/tags/span_f1/strict" in content
        assert b"encoder.width" in content
        assert b"weights.safetensors" in content
        assert {path.name.split("_")[0] for path in (run.folder / "wandb").rglob("*.png")} == {"learning", "confusion"}


def test_telemetry_is_off_unless_switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "true")
    keep_to_itself()
    assert (os.environ["MLFLOW_DISABLE_TELEMETRY"], os.environ["WANDB_ERROR_REPORTING"]) == ("true", "true")


def test_confusions_are_counted_from_answers(plain: Run) -> None:
    run = FinishedRun(plain.folder)
    pairs = label_pairs(run)
    answers = list(run.answers("test"))
    for head, n in (("tags", sum(len(one.gold["tags"]) for one in answers)), ("label", len(answers))):
        labels, counts = confusion(pairs[head])
        assert counts.sum() == n
        right = sum(int(counts[i, i]) for i in range(len(labels)))
        assert right / n == pytest.approx(plain.metrics["test"][head]["accuracy"])


def test_curves_end_with_the_training(plain: Run) -> None:
    history = FinishedRun(plain.folder).history()
    assert [epoch for epoch, _ in history["val/loss"]] == [0, 1]
    assert while_training(history)["val/loss"] == history["val/loss"][:1]
    assert while_training({"val/loss": [(0, 1.0), (1, 2.0)]}) == {"val/loss": [(0, 1.0), (1, 2.0)]}


def test_rare_labels_share_a_row() -> None:
    pairs = {(f"l{i:03}", f"l{i:03}"): 100 - i for i in range(MAX_LABELS + 5)}
    labels, counts = confusion(pairs)
    assert len(labels) == MAX_LABELS + 1
    assert labels[-1] == OTHERS
    assert counts[-1, -1] == sum(100 - i for i in range(MAX_LABELS, MAX_LABELS + 5))
    assert np.trace(counts) == counts.sum()


@needs("matplotlib")
def test_pictures_are_drawn(plain: Run, tmp_path: Path) -> None:
    import shutil

    files = draw(Path(shutil.copytree(plain.folder, tmp_path / "run")))
    assert [path.name for path in files] == ["learning_curves.png", "confusion_tags.png", "confusion_label.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in files)
