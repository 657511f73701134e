"""`seqlab resume` goes on with an interrupted run from its folder alone, or makes a model of what it has."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning.utilities import CombinedLoader

from seqlab.cli import main
from seqlab.training.module import LabelerModule

SMALL = (
    "data.reader.n_train=40",
    "data.reader.n_val=10",
    "data.reader.n_test=10",
    "embedding=[words]",
    "encoder.width=8",
    "trainer.max_epochs=3",
    "n_examples=0",
    "n_threads=1",
)


@pytest.fixture
def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], tuple[int, Path]]:
    """Return a function that trains, calls its argument in the third epoch, and returns the exit status and the folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    step = LabelerModule.training_step

    def run(interrupt: Callable[[], Any]) -> tuple[int, Path]:
        def training_step(self: LabelerModule, batch: Any, batch_idx: int) -> Any:
            if self.current_epoch == 2:
                interrupt()
            return step(self, batch, batch_idx)

        with monkeypatch.context() as patched:
            patched.setattr(LabelerModule, "training_step", training_step)
            status = main(["train", *SMALL, "hydra.run.dir=run"])
        return status, tmp_path / "run"

    return run


@pytest.mark.parametrize(
    ("number", "status", "event"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated"), (signal.SIGHUP, 143, "terminated")],
)
def test_a_signal_ends_training_with_the_line_that_says_how_to_go_on(
    interrupted: Callable[..., tuple[int, Path]],
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
    status: int,
    event: str,
) -> None:
    # Handlers of a shell's foreground job, whatever started the tests.
    handlers = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for one in handlers:
        signal.signal(one, signal.default_int_handler if one == signal.SIGINT else signal.SIG_DFL)
    try:
        ended, folder = interrupted(lambda: os.kill(os.getpid(), number))
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)
    assert ended == status
    assert capsys.readouterr().err.splitlines()[-1] == f"{event}; to continue: seqlab resume {folder}"


@pytest.mark.parametrize("place", [(CombinedLoader, "__iter__"), (LabelerModule, "on_test_epoch_end")])
def test_an_interrupt_before_and_after_training_ends_with_that_line_too(
    place: tuple[type, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(*place, interrupt)
    assert main(["train", *SMALL, "trainer.max_epochs=1", f"hydra.run.dir={tmp_path}"]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == f"interrupted; to continue: seqlab resume {tmp_path}"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.slow
def test_a_resumed_run_ends_as_an_unbroken_one(
    interrupted: Callable[..., tuple[int, Path]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    _, folder = interrupted(interrupt)
    assert main(["predict", "run", os.devnull]) == 2
    assert "seqlab resume run --finish" in capsys.readouterr().err
    ended = Path(shutil.copytree(folder, folder.with_name("ended")))
    shutil.copytree(folder, folder.with_name("other"))

    assert main(["resume", "ended", "--finish"]) == 0
    metrics = json.loads((ended / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["training"]["epochs"] == 2
    assert main(["resume", "ended"]) == 2
    assert "ended has finished" in capsys.readouterr().err

    assert main(["train", *SMALL, "encoder.width=6", "hydra.run.dir=other"]) == 2
    assert "another config: encoder.width is 8 there and 6 here" in capsys.readouterr().err

    # From elsewhere, and by repeating the command: both end as the run that was not interrupted.
    monkeypatch.chdir(folder.parent.parent)
    assert main(["resume", str(folder)]) == 0
    monkeypatch.chdir(folder.parent)
    assert main(["train", *SMALL, "hydra.run.dir=other"]) == 0
    assert main(["train", *SMALL, "hydra.run.dir=unbroken"]) == 0
    for name in ("run", "other"):
        for file in ("model/weights.safetensors", "metrics.json", "predictions/test.jsonl"):
            assert (folder.with_name(name) / file).read_bytes() == (folder.with_name("unbroken") / file).read_bytes()

    assert main(["train", *SMALL, "seed=3", "hydra.run.dir=unbroken"]) == 2
    assert "holds a finished run; choose another folder" in capsys.readouterr().err


def test_changed_data_are_refused_before_a_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    data = Path("train.conll")
    data.write_text("Ada\tB-PER\nsleeps\tO\n\n" * 10, encoding="utf-8")
    words = [
        "data=conll",
        "data.dir=.",
        "data.splits.train=train.conll",
        "data.splits.val=train.conll",
        "data.splits.test=null",
    ]
    own = ["embedding=[words]", "encoder.width=4", "trainer.max_epochs=1", "n_threads=1", "data.scheme=BIO"]
    assert main(["train", *words, *own, "hydra.run.dir=run"]) == 0
    (tmp_path / "run" / "metrics.json").unlink()
    data.write_text("Bob\tB-PER\nsleeps\tO\n\n" * 10, encoding="utf-8")
    assert main(["resume", "run"]) == 2
    error = capsys.readouterr().err
    assert "data: train.conll has changed" in error
    assert "add --anyway to go on nevertheless" in error
    assert main(["resume", "run", "--anyway"]) == 2
    assert "column 'tokens': its words or labels" in capsys.readouterr().err
