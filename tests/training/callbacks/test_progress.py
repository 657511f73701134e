"""Progress: one line an epoch with what was logged; the bar only where there is a terminal."""

import logging
import re

import pytest

from seqlab.errors import SeqlabError
from seqlab.training.callbacks import Progress


@pytest.fixture
def progress() -> Progress:
    return Progress(metrics=["train/loss", "val/loss", "val/loss", "val/never"], refresh_per_second=4.0)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "seqlab.training.callbacks.progress"]


def test_progress_logs_one_line_an_epoch_and_no_bar_outside_a_terminal(module, fit, progress, caplog, capsys):
    with caplog.at_level(logging.INFO, logger="seqlab"):
        trainer = fit(module, progress)
    first, second, third = lines(caplog)
    number = r"\d\S*"
    line = rf"epoch 2/3  train/loss {number}  val/loss {number}  [\d,]+ tokens/s  \d+\.\d s"
    assert re.fullmatch(line, second)
    assert first.startswith("epoch 1/3  ")
    assert f"val/loss {float(trainer.callback_metrics['val/loss']):.4g}  " in third
    assert f"train/loss {float(trainer.callback_metrics['train/loss']):.4g}  " in third
    assert not capsys.readouterr().out


def test_progress_leaves_out_what_is_unknown(module, fit, progress, caplog):
    module.epoch_tokens = None
    module.on_train_epoch_start = module.on_validation_start  # counts nothing
    module.training_step = lambda batch, batch_idx: module.weight.sum()
    with caplog.at_level(logging.INFO, logger="seqlab"):
        fit(module, progress, max_epochs=-1, max_steps=8, limit_val_batches=0)
    assert re.fullmatch(r"epoch 2  \d+\.\d s", lines(caplog)[1])


def test_progress_shows_a_bar_on_a_terminal_and_clears_it(module, fit, progress, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    fit(module, progress, max_epochs=1)
    out = capsys.readouterr().out
    assert "epoch 1/1" in out
    assert "/4" in out
    assert out.endswith("\x1b[2K")  # the line is erased


def test_progress_gives_the_terminal_back_on_an_error(module, fit, progress, monkeypatch, capsys):
    def fail(*_: object) -> None:
        raise SeqlabError("broken step")

    module.training_step = fail
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(SeqlabError, match="broken step"):
        fit(module, progress)
    assert "\x1b[?25h" in capsys.readouterr().out  # the cursor shows again


def test_progress_hands_times_and_speed_to_loggers(module, fit, progress):
    logged = fit(module, progress).callback_metrics
    assert float(logged["train/seconds"]) > 0
    assert float(logged["val/seconds"]) >= 0
    assert float(logged["train/tokens_per_second"]) > 0
