"""Optimisers that look at curvature train through the same loop: closures, resuming, and their options are reported."""

from pathlib import Path

import pytest

import seqlab
from seqlab.errors import ConfigError
from seqlab.testing.runs import train_small, write_corpus

pytestmark = pytest.mark.slow

STILL = (
    *("data=lines", "data.scheme=BIO", "embedding=[words]", "embedding.parts.words.unknown_alpha=0", "n_threads=1"),
    *("embedding.dropout.variational=0", "encoder.output_drop_prob=0", "max_tokens=1000", "trainer.max_epochs=3"),
    *("monitor=val/loss", "monitor_mode=min"),
)
"""One batch, and the same loss each time."""


def test_quasi_newton_reaches_a_lower_loss_than_as_many_gradients(tmp_path: Path) -> None:
    data = write_corpus(tmp_path / "data")
    runs = {
        name: seqlab.train([*STILL, f"data.dir={data}", f"hydra.run.dir={tmp_path / name}", f"optimizer={name}"])
        for name in ("lbfgs", "sgd")
    }
    losses = {name: (run.folder / "csv").rglob("metrics.csv") for name, run in runs.items()}
    last = {name: _last(next(files), "val/loss") for name, files in losses.items()}
    assert last["lbfgs"] < 0.1 * last["sgd"]


def _last(table: Path, column: str) -> float:
    head, *rows = (line.split(",") for line in table.read_text().splitlines())
    return float([row[head.index(column)] for row in rows if row[head.index(column)]][-1])


def test_a_run_with_soap_resumes_to_the_bit(tmp_path: Path) -> None:
    pytest.importorskip("pytorch_optimizer", reason="needs the extra optimizers")
    data = write_corpus(tmp_path / "data")
    soap = ["optimizer=soap", "optimizer.precondition_frequency=2"]
    whole = train_small(data, tmp_path / "whole", [*soap, "trainer.max_epochs=2"])
    half = train_small(data, tmp_path / "half", [*soap, "trainer.max_epochs=1"])
    checkpoint = half.folder / "checkpoints" / "last.ckpt"
    rest = train_small(data, tmp_path / "rest", [*soap, "trainer.max_epochs=2", f"ckpt_path={checkpoint}"])
    assert (rest.model / "weights.safetensors").read_bytes() == (whole.model / "weights.safetensors").read_bytes()


def test_groups_that_an_optimiser_cannot_have_are_refused(tmp_path: Path) -> None:
    data = write_corpus(tmp_path / "data")
    groups = "+parameter_groups.recurrent={parameters:['encoder.*'],lr:0.1}"
    with pytest.raises(ConfigError, match="LBFGS doesn't support per-parameter options"):
        train_small(data, tmp_path / "run", ["optimizer=lbfgs", groups])


def test_an_option_that_an_optimiser_lacks_is_refused(tmp_path: Path) -> None:
    data = write_corpus(tmp_path / "data")
    with pytest.raises(ConfigError, match=r"parameter_groups\.recurrent\.rate is not an option of AdamW; expected one of lr"):
        train_small(data, tmp_path / "run", ["+parameter_groups.recurrent={parameters:['encoder.*'],rate:0.1}"])
