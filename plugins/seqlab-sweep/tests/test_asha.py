"""What pruning saves, and what it costs: the same configurations with ASHA and to their end, on a part of SNIPS."""

import random
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
SNIPS = Path(__file__).resolve().parents[4] / "shared" / "data" / "snips" / "tokenised"
N_RECORDS = {"train": 500, "dev": 150, "test": 50}
N_TRIALS, N_EPOCHS = 16, 9


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a folder with some of the utterances."""
    if not SNIPS.is_dir():
        pytest.skip(f"{SNIPS} is not there")
    for split, n_records in N_RECORDS.items():
        lines = {path.name: path.read_text(encoding="utf-8").splitlines() for path in (SNIPS / split).iterdir()}
        rows = sorted(random.Random(0).sample(range(len(lines["seq.in"])), n_records))
        folder = tmp_path / "snips" / split
        folder.mkdir(parents=True)
        for name, found in lines.items():
            (folder / name).write_text("".join(f"{found[row]}\n" for row in rows), encoding="utf-8")
    return tmp_path / "snips"


def test_asha_finds_as_good_a_model_in_two_fifths_of_the_epochs(sweeping: Any, data: Path) -> None:
    own = ["data=lines", f"data.dir={data}", "data.splits={train: train, val: dev, test: test}", "data.scheme=BIO"]
    own += ["embedding=[words]", "embedding.dropout={variational: 0.3}", "head=[crf]", "callbacks=[model_checkpoint,progress]"]
    own += ["test=false", "calibrate=false", "n_examples=0", "logger=none", f"trainer.max_epochs={N_EPOCHS}", "max_tokens=512"]
    space = ["optimizer.lr=tag(log,interval(3e-4,5e-2))", "encoder.width=range(25,125,25)"]
    space += ["encoder.output_drop_prob=interval(0,0.5)"]
    search = ["hparams_search=random", "hydra.sweeper.n_workers=2", f"hydra.sweeper.n_trials={N_TRIALS}", *space]

    def swept(words: Sequence[str], name: str) -> dict[str, Any]:
        sweeping.finish(sweeping.plain(*own, *words, f"hydra.sweeper.study_name={name}", tiny=False))
        found: dict[str, Any] = sweeping.exported(f"multiruns/{name}")
        assert found["counts"]["failed"] == 0
        return found

    whole, pruned = swept(search, "whole"), swept([*search, "hydra/sweeper/pruner=asha"], "pruned")
    assert [t["params"] for t in whole["trials"]] == [t["params"] for t in pruned["trials"]]
    best = whole["trials"][whole["best"][0]]
    seeds = swept(["hparams_search=grid", "seed=1,2,3", *best["overrides"]], "seeds")
    deviation = statistics.stdev(trial["values"][0] for trial in [best, *seeds["trials"]])
    epochs, saved = (sum(trial["epochs"] for trial in found["trials"]) for found in (whole, pruned))
    found = pruned["trials"][pruned["best"][0]]["values"][0]
    told = (
        f"best {best['values'][0]:.4f} after {epochs} epochs, {found:.4f} after {saved}; deviation over seeds {deviation:.4f}"
    )
    print(told)  # noqa: T201 (the figures of the README)
    assert epochs == N_TRIALS * N_EPOCHS
    assert saved <= 0.4 * epochs, told
    assert best["values"][0] - found <= deviation, told
