"""Checkpoints are written atomically, scored without training, and refused if they are damaged or of another model."""

import errno
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import torch

from seqlab.errors import CheckpointError, SeqlabError
from seqlab.testing.runs import train_small, write_corpus
from seqlab.training.checkpoints.files import CheckpointFiles, load, load_newest
from seqlab.training.module import LabelerModule
from seqlab.training.train import Run

Weights: TypeAlias = Callable[[Run], bytes]


def test_a_checkpoint_is_scored_without_training(weights: Weights, finished: Run, data: Path, tmp_path: Path) -> None:
    checkpoint = finished.folder / "checkpoints" / "best.ckpt"
    overrides = ["head=[crf,sequence]", "monitor=val/tags/span_f1/strict", "seed=0", "train=false"]
    scored = train_small(data, tmp_path / "scored", [*overrides, f"ckpt_path={checkpoint}"])
    assert scored.metrics == finished.metrics
    assert weights(scored) == weights(finished)


def test_scoring_untrained_weights_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train_small(write_corpus(tmp_path / "data"), tmp_path / "run", ["train=false"])
    assert "evaluating untrained weights" in caplog.text


class Hostile:
    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.sentinel}",)


@pytest.mark.parametrize("is_trained", [True, False])
def test_a_checkpoint_that_would_run_code_is_refused(data: Path, tmp_path: Path, is_trained: bool) -> None:
    checkpoint, sentinel = tmp_path / "hostile.ckpt", tmp_path / "sentinel"
    torch.save({"state_dict": {}, "callbacks": {}, "payload": Hostile(sentinel)}, checkpoint)
    with pytest.raises(CheckpointError, match=r"hostile\.ckpt is not a checkpoint of seqlab"):
        train_small(data, tmp_path / "run", [f"ckpt_path={checkpoint}", f"train={is_trained}"])
    assert not sentinel.exists()
    torch.load(checkpoint, weights_only=False)
    assert sentinel.exists()


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04"])
def test_a_file_that_is_no_checkpoint_is_refused(data: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other.ckpt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"other\.ckpt is not a checkpoint of seqlab"):
        train_small(data, tmp_path / "run", [f"ckpt_path={tmp_path / 'other.ckpt'}"])


def test_a_checkpoint_of_another_model_is_refused(finished: Run, data: Path, tmp_path: Path) -> None:
    checkpoint = finished.folder / "checkpoints" / "last.ckpt"
    overrides = ["head=[crf,sequence]", "monitor=val/tags/span_f1/strict", "encoder.width=6"]
    with pytest.raises(CheckpointError, match=r"last\.ckpt is of another model: encoder.width is 8 there and 6 here"):
        train_small(data, tmp_path / "run", [*overrides, f"ckpt_path={checkpoint}"])


def resumed(data: Path, folder: Path, run: Run, *overrides: str) -> Run:
    """Resume a finished run in a new folder, with one epoch more."""
    own = ["head=[crf,sequence]", "monitor=val/tags/span_f1/strict", "seed=0", "trainer.max_epochs=3"]
    return train_small(data, folder, [*own, f"ckpt_path={run.folder}/checkpoints/last.ckpt", *overrides])


@pytest.mark.parametrize("is_trained", [True, False])
def test_a_checkpoint_of_other_words_of_equal_number_is_refused(
    finished: Run, data: Path, tmp_path: Path, is_trained: bool
) -> None:
    other = Path(shutil.copytree(data, tmp_path / "other"))
    for path in (path for path in other.rglob("*") if path.is_file()):
        path.write_text(path.read_text(encoding="utf-8").replace("Kiel", "Keil"), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"last\.ckpt is of another model: column 'tokens': its words .* differ"):
        resumed(other, tmp_path / "run", finished, f"train={is_trained}")
    scored = resumed(other, tmp_path / "run", finished, "train=false", "ckpt_check=false")
    assert scored.metrics["test"]


def test_a_checkpoint_of_other_labels_of_equal_number_is_refused(finished: Run, data: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(data, tmp_path / "other"))
    for path in (path for path in other.rglob("*") if path.is_file()):
        path.write_text(path.read_text(encoding="utf-8").replace("-LOC", "-GPE"), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"last\.ckpt is of another model: column 'tags': its words or labels"):
        resumed(other, tmp_path / "run", finished)


def test_a_new_learning_rate_and_weight_decay_take_effect(finished: Run, data: Path, tmp_path: Path) -> None:
    run = resumed(data, tmp_path / "run", finished, "optimizer.lr=0.001", "optimizer.weight_decay=0.5")
    content = torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True)
    (group,) = content["optimizer_states"][0]["param_groups"]
    assert (group["lr"], group["weight_decay"]) == (0.001, 0.5)


def test_a_new_learning_rate_scales_what_the_schedule_made_of_the_old_one(data: Path, tmp_path: Path) -> None:
    common = ["scheduler=exponential", "seed=1", "trainer.max_epochs=2", "optimizer.lr=0.01"]
    first = train_small(data, tmp_path / "first", common)
    more = [*common, "trainer.max_epochs=3", "optimizer.lr=0.1", f"ckpt_path={first.folder}/checkpoints/last.ckpt"]
    second = train_small(data, tmp_path / "second", more)
    content = torch.load(second.folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert content["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(0.1 * 0.95**3)


@pytest.mark.parametrize(
    ("override", "difference"),
    [
        ("optimizer=sgd", "optimizer._target_ is 'torch.optim.AdamW' there and 'torch.optim.SGD' here"),
        ("optimizer.eps=1e-6", "optimizer.eps is 1e-08 there and 1e-06 here"),
        ("scheduler=exponential", "scheduler.factory._target_ is absent there"),
        ("+parameter_groups.slow={parameters:[encoder.*],lr:0.1}", "parameter_groups.slow.parameters is absent there"),
    ],
)
def test_an_optimisation_that_cannot_change_is_refused_by_name(
    finished: Run, data: Path, tmp_path: Path, override: str, difference: str
) -> None:
    with pytest.raises(CheckpointError, match=rf"cannot be resumed with other optimisation: {re.escape(difference)}"):
        resumed(data, tmp_path / "run", finished, override)


def changed_copy(run: Run, folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Write a copy of the last checkpoint of a run, changed by `change`."""
    content = torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True)
    change(content)
    torch.save(content, folder / "changed.ckpt")
    return folder / "changed.ckpt"


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no optimiser": (lambda content: content.pop("optimizer_states"), "has no optimizer_states, so it can be scored"),
    "no loops": (lambda content: content.pop("loops"), "has no loops"),
    "loops of another kind": (lambda content: content.update(loops={"fit_loop": 3}), "cannot be resumed"),
    "empty state of the optimiser": (lambda content: content.update(optimizer_states=[{}]), "lacks 'param_groups'"),
    "weights in a list": (lambda content: content.update(state_dict=[1]), "has no weights"),
    "weights of text": (lambda content: content.update(state_dict={"a": "b"}), "has no weights"),
    "not a number": (lambda content: next(iter(content["state_dict"].values())).fill_(float("nan")), "not finite"),
    "another type": (
        lambda content: content["state_dict"].update({n: t.half() for n, t in content["state_dict"].items()}),
        "is float16 .* there and float32",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_checkpoint_with_parts_of_another_kind_is_refused(finished: Run, data: Path, tmp_path: Path, name: str) -> None:
    change, message = CHANGES[name]
    path = changed_copy(finished, tmp_path, change)
    with pytest.raises(CheckpointError, match=rf"changed\.ckpt .*{message}"):
        resumed(data, tmp_path / "run", finished, f"ckpt_path={path}")


def test_a_checkpoint_without_origin_is_used_with_a_warning(
    finished: Run, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = changed_copy(finished, tmp_path, lambda content: content.pop("seqlab"))
    resumed(data, tmp_path / "run", finished, f"ckpt_path={path}", "train=false")
    assert "does not say which words and labels it was trained with" in caplog.text


def test_a_file_of_weights_alone_can_be_scored_and_not_resumed(finished: Run, data: Path, tmp_path: Path) -> None:
    path = changed_copy(finished, tmp_path, lambda content: [content.pop(name) for name in set(content) - {"state_dict"}])
    with pytest.raises(CheckpointError, match=r"changed\.ckpt has no callbacks, so it can be scored \(train=false\) but not"):
        resumed(data, tmp_path / "run", finished, f"ckpt_path={path}")
    paths = {"weights": path, "whole": finished.folder / "checkpoints" / "last.ckpt"}
    scored = [resumed(data, tmp_path / name, finished, f"ckpt_path={one}", "train=false") for name, one in paths.items()]
    assert scored[0].metrics == scored[1].metrics


def test_a_changed_byte_is_refused_or_changes_no_tensor(finished: Run, tmp_path: Path) -> None:
    good = (finished.folder / "checkpoints" / "last.ckpt").read_bytes()
    expected = torch.load(finished.folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    path = tmp_path / "flipped.ckpt"
    messages = []
    for place in range(7, len(good), len(good) // 60):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x10]) + good[place + 1 :])
        try:
            found = load(path)["state_dict"]
        except CheckpointError as error:
            messages.append(str(error))
        else:
            assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    assert len(messages) > 30
    assert all("flipped.ckpt" in message for message in messages)


def test_a_damaged_last_checkpoint_falls_back_to_the_one_before_it(
    finished: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = CheckpointFiles()
    for epoch in (1, 2):
        files.save_checkpoint({"state_dict": {}, "epoch": epoch}, tmp_path / "last.ckpt")
    assert load_newest(tmp_path / "last.ckpt")["epoch"] == 2
    (tmp_path / "last.ckpt").write_bytes((tmp_path / "last.ckpt").read_bytes()[:-40])
    assert load_newest(tmp_path / "last.ckpt")["epoch"] == 1
    assert "last.previous.ckpt, the checkpoint before it" in caplog.text
    CheckpointFiles().save_checkpoint({"state_dict": {}, "epoch": 3}, tmp_path / "last.ckpt")
    assert load(tmp_path / "last.previous.ckpt")["epoch"] == 1, "a damaged file is not kept in place of a good one"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("place", ["write", "fsync", "rename"])
def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, place: str
) -> None:
    files, path = CheckpointFiles(), tmp_path / "last.ckpt"
    files.save_checkpoint({"state_dict": {}, "epoch": 1}, path)

    def fail(*arguments: Any, **options: Any) -> None:
        if place == "write":
            arguments[1].write_bytes(b"half")
        raise OSError(number, os.strerror(number))

    owner, name = {"write": (torch, "save"), "fsync": (os, "fsync"), "rename": (Path, "replace")}[place]
    monkeypatch.setattr(owner, name, fail)
    with pytest.raises(CheckpointError, match=rf"last\.ckpt: cannot be written \({os.strerror(number)}\).* is unchanged"):
        files.save_checkpoint({"state_dict": {}, "epoch": 2}, path)
    monkeypatch.undo()
    assert load(path)["epoch"] == 1
    assert {one.name for one in tmp_path.iterdir()} <= {"last.ckpt", "last.previous.ckpt"}


def test_a_short_write_is_noticed_before_the_old_file_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, path = CheckpointFiles(), tmp_path / "last.ckpt"
    files.save_checkpoint({"state_dict": {"a": torch.ones(1000)}}, path)
    save = torch.save

    def cut(content: Any, target: Path) -> None:
        save(content, target)
        target.write_bytes(target.read_bytes()[:2000])

    monkeypatch.setattr(torch, "save", cut)
    with pytest.raises(CheckpointError, match=r"last\.ckpt: cannot be written .* is unchanged"):
        files.save_checkpoint({"state_dict": {"a": torch.zeros(1000)}}, path)
    assert load(path)["state_dict"]["a"].sum() == 1000


def test_a_last_step_that_breaks_the_weights_ends_the_run_and_keeps_the_checkpoint_before(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = LabelerModule.training_step

    def training_step(self: LabelerModule, batch: Any, batch_idx: int) -> Any:
        loss = step(self, batch, batch_idx)
        # A finite loss with a gradient that is not.
        broken = self.current_epoch == 1 and self.trainer.is_last_batch
        return loss + (next(self.labeler.parameters()).sum() * 0).sqrt() if broken else loss

    monkeypatch.setattr(LabelerModule, "training_step", training_step)
    with pytest.raises(SeqlabError, match=r"not finite .* after step \d+ \(epoch 2\); the checkpoints before it are good"):
        train_small(data, tmp_path / "run", ["trainer.max_epochs=3"])
    assert load(tmp_path / "run" / "checkpoints" / "last.ckpt")["epoch"] == 0
    assert not (tmp_path / "run" / "model").exists()
