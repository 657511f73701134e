"""Compare ASHA with full training of the same configurations, on part of EWT."""

import random
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
EWT = Path(__file__).resolve().parents[4] / "shared" / "data" / "ud_english_ewt"
N_SENTENCES = {"train": 1000, "dev": 300, "test": 50}
N_TRIALS, N_EPOCHS = 20, 9


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a folder with a sample of the sentences."""
    if not EWT.is_dir():
        pytest.skip(f"{EWT} does not exist")
    folder = tmp_path / "ewt"
    folder.mkdir()
    for split, n_sentences in N_SENTENCES.items():
        text = (EWT / f"en_ewt-ud-{split}.conllu").read_text(encoding="utf-8")
        sentences = [sentence for sentence in text.split("\n\n") if sentence.strip()]
        rows = sorted(random.Random(0).sample(range(len(sentences)), n_sentences))
        (folder / f"{split}.conllu").write_text("".join(f"{sentences[row]}\n\n" for row in rows), encoding="utf-8")
    return folder


def test_asha_finds_as_good_a_model_in_two_fifths_of_the_epochs(sweeping: Any, data: Path) -> None:
    own = ["data=conllu", f"data.dir={data}", "data.splits={train: train.conllu, val: dev.conllu, test: test.conllu}"]
    own += ["embedding=[words]", "head=[softmax]", "callbacks=[model_checkpoint,progress]", "n_threads=1"]
    own += ["test=false", "calibrate=false", "n_examples=0", "logger=none", f"trainer.max_epochs={N_EPOCHS}", "max_tokens=512"]
    space = ["optimizer.lr=tag(log,interval(3e-4,5e-2))", "encoder.width=range(25,125,25)"]
    space += ["encoder.output_drop_prob=interval(0,0.5)"]
    search = ["hparams_search=random", f"hydra.sweeper.n_trials={N_TRIALS}", *space]

    def swept(words: Sequence[str], name: str) -> dict[str, Any]:
        sweeping.finish(sweeping.plain(*own, *words, f"hydra.sweeper.study_name={name}", tiny=False))
        found: dict[str, Any] = sweeping.exported(f"multiruns/{name}")
        assert found["counts"]["failed"] == 0
        return found

    whole = swept([*search, "hydra.sweeper.n_workers=2"], "whole")
    pruned = swept([*search, "hydra/sweeper/pruner=asha"], "pruned")  # one worker, because pruning depends on the order
    assert [t["params"] for t in whole["trials"]] == [t["params"] for t in pruned["trials"]]
    best = whole["trials"][whole["best"][0]]
    seeds = swept(["hparams_search=grid", "seed=1,2,3", *best["overrides"]], "seeds")
    deviation = statistics.stdev(trial["values"][0] for trial in [best, *seeds["trials"]])
    epochs, saved = (sum(trial["epochs"] for trial in found["trials"]) for found in (whole, pruned))
    found = pruned["trials"][pruned["best"][0]]["values"][0]
    figures = (
        f"best {best['values'][0]:.4f} after {epochs} epochs, {found:.4f} after {saved}; deviation over seeds {deviation:.4f}"
    )
    print(figures)  # noqa: T201 (quoted in the README)
    assert epochs == N_TRIALS * N_EPOCHS
    assert saved <= 0.4 * epochs, figures
    assert best["values"][0] - found <= deviation, figures
