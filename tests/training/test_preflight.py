"""What cannot work is refused before training, and what has no effect is said."""

from pathlib import Path

import pytest
import torch

from seqlab.errors import ConfigError
from seqlab.testing.runs import train_small
from seqlab.training import preflight
from seqlab.training.preflight import available_bytes, check_memory


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["trainer.limit_val_batches=0"],
            r"limit_val_batches is 0; expected at least 1, since model_ch",
        ),
        (["scheduler=plateau", "trainer.check_val_every_n_epoch=2"], r"check_val_every_n_epoch is 2; expected 1"),
        (["callbacks=none", "scheduler=plateau", "trainer.limit_val_batches=0"], r"limit_val_batches is 0.*scheduler read"),
    ],
)
def test_options_that_fail_after_training_are_refused_before(
    data: Path, tmp_path: Path, overrides: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        train_small(data, tmp_path / "run", overrides)
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_choices_without_effect_are_said(data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("ada 1 0\n", encoding="utf-8")
    overrides = ["debug=fdr", "trainer=gpu", f"vectors=[{vectors}]", "optimizer.lr=0"]
    train_small(data, tmp_path / "run", overrides)
    said = caplog.text
    assert "vectors has no effect" in said
    assert "optimizer.lr is 0: training leaves the weights as they are" in said
    assert "trainer=gpu has no effect on the accelerator" in said


def test_a_run_without_idle_choices_says_nothing(data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train_small(data, tmp_path / "run", ["trainer.max_epochs=1"])
    assert "no effect" not in caplog.text


def test_memory_is_counted_with_gradients_and_optimiser() -> None:
    layer = torch.nn.Linear(9, 100)
    assert check_memory(layer, {"_target_": "torch.optim.AdamW"}) == 4 * 1000 * 4
    assert check_memory(layer.requires_grad_(requires_grad=False), {"_target_": "torch.optim.AdamW"}) == 4 * 1000


def test_a_model_that_cannot_fit_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable: 15 kB\n", encoding="utf-8")
    (tmp_path / "memory.max").write_text("max\n", encoding="utf-8")
    monkeypatch.setattr(preflight, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(preflight, "_CGROUP_LIMIT", tmp_path / "memory.max")
    assert available_bytes() == 15 * 1024
    with pytest.raises(ConfigError, match=r"needs .* GiB are available; the largest is weight \(100, 9\)"):
        check_memory(torch.nn.Linear(9, 100), {"_target_": "torch.optim.AdamW"})
    (tmp_path / "memory.max").write_text("1000\n", encoding="utf-8")
    assert available_bytes() == 1000
