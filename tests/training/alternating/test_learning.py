"""What each head learns from, and that it can be had again bit for bit."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import torch

from seqlab.config.build import known_targets
from seqlab.config.compose import compose
from seqlab.training.module import LabelerModule
from seqlab.training.setup import prepare
from seqlab.training.train import Run

pytestmark = pytest.mark.slow

Train: TypeAlias = Callable[..., Run]
Weights: TypeAlias = Callable[[Run], bytes]


def prepared(overrides: Sequence[str]) -> Any:
    start = prepare(compose(["paths.run_dir=.", *overrides]), targets=known_targets())
    return start, start.encoded()


def test_a_batch_teaches_the_heads_of_its_set_and_no_other(two_sets: tuple[str, ...]) -> None:
    start, encoded = prepared(two_sets)
    losses = {}
    for row, name in ((0, "news"), (len(encoded["train"].parts["news"]), "requests")):
        batch = encoded["train"].batch(torch.tensor([row]).numpy())
        assert batch.data_set == name
        losses[name] = start.labeler.losses(batch)
    assert {name: set(found) for name, found in losses.items()} == {"news": {"tags"}, "requests": {"label"}}
    losses["requests"]["label"].backward()
    assert all(parameter.grad is None for parameter in start.labeler.heads["tags"].parameters())
    assert any(parameter.grad is not None for parameter in start.labeler.encoder.parameters())


def test_words_are_those_of_all_sets_and_labels_those_of_their_own(two_sets: tuple[str, ...]) -> None:
    start, _ = prepared(two_sets)
    words = next(field for field in start.fields if field.column == "tokens")
    known = set(words.state()[next(key for key in words.state() if isinstance(words.state()[key], list))])
    own = {name: {w for tokens in s["train"]["tokens"] for w in tokens} for name, s in start.sets.items()}
    for name, other in (("news", "requests"), ("requests", "news")):
        assert known & {word.lower() for word in own[name] - own[other]}, name
    spans = {tag.partition("-")[2] for tag in start.labeler.heads["tags"].target.tags} - {""}
    tags = {name: {tag[2:] for tags in s["train"]["tags"] for tag in tags} - {""} for name, s in start.sets.items()}
    assert spans == tags["news"] != tags["requests"]
    assert set(start.labeler.heads["label"].target.labels) == set(start.sets["requests"]["train"]["kind"])


def test_one_set_alone_is_plain_data(
    run: Train, weights: Weights, tiny: tuple[str, ...], small: Callable[..., list[str]], tmp_path: Path
) -> None:
    plain = run(tmp_path / "plain", base=[*tiny, "data=sample", *small("data")])
    named = ["data=alternating", "+data@data.sets.only=sample", *small("data.sets.only")]
    alone = run(tmp_path / "alone", base=[*tiny, *named])
    assert weights(alone) == weights(plain)
    assert alone.metrics == plain.metrics
    predictions = [alone.folder / "predictions" / "only" / "test.jsonl", plain.folder / "predictions" / "test.jsonl"]
    assert predictions[0].read_bytes() == predictions[1].read_bytes()


def test_the_same_seed_gives_the_same_bits(run: Train, weights: Weights, finished: Run, tmp_path: Path) -> None:
    again = run(tmp_path / "again")
    assert weights(again) == weights(finished)
    assert again.metrics == finished.metrics
    assert weights(run(tmp_path / "other", ["seed=2"])) != weights(finished)


class Killed(BaseException):
    """What happens to a process in the middle of an epoch."""


@pytest.mark.parametrize("overrides", [[], ["data.temperature=5", "+data.sets.requests.weight=2"]])
def test_a_run_killed_and_resumed_equals_the_unbroken_one(
    run: Train, weights: Weights, finished: Run, tmp_path: Path, overrides: list[str]
) -> None:
    unbroken = run(tmp_path / "unbroken", overrides) if overrides else finished
    step = LabelerModule.training_step

    def training_step(self: LabelerModule, batch: Any, batch_idx: int) -> Any:
        if self.current_epoch == 1 and batch_idx == 2:
            raise Killed
        return step(self, batch, batch_idx)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(LabelerModule, "training_step", training_step)
        with pytest.raises(Killed, match=r"^$"):
            run(tmp_path / "killed", overrides)
    checkpoint = tmp_path / "killed" / "checkpoints" / "last.ckpt"
    resumed = run(tmp_path / "resumed", [*overrides, f"ckpt_path={checkpoint}"])
    assert weights(resumed) == weights(unbroken)
    assert resumed.metrics == unbroken.metrics


@pytest.mark.parametrize("overrides", [["debug=fdr"], ["debug=limit"], ["debug=overfit"], ["max_tokens=1"]])
def test_runs_may_be_cut_short(run: Train, tmp_path: Path, overrides: list[str]) -> None:
    assert set(run(tmp_path / "run", [*overrides, "trainer.max_epochs=1"]).metrics["val"]) == {"tags", "label"}
