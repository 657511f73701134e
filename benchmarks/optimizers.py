"""Validation scores of optimisers after the same processor time, by training on one experiment.

    python benchmarks/optimizers.py experiment=adding optimizer=sgd optimizer=hessian_free,max_tokens=50000 --seconds 20

Overrides of the experiment come first; each further argument that begins with `optimizer=` is a competitor, with its own
overrides after commas. Prints the score of each seed, and their mean.
"""

import argparse
import time
from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch

import seqlab


class Budget(pl.Callback):
    """Ends training after some seconds of the processor, and scores the validation records.

    Args:
        seconds: Time for training steps, without validation.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds, self.began, self.n_steps = seconds, 0.0, 0

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Start the clock."""
        self.began = time.process_time()

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Stop when the time is over."""
        self.n_steps += 1
        trainer.should_stop = time.process_time() - self.began > self.seconds


def score(overrides: Sequence[str], *, seconds: float, monitor: str) -> tuple[float, int]:
    """Return the validation score of one run, and its number of steps."""
    parts = seqlab.training_parts(overrides)
    budget = Budget(seconds)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    limits = {"max_epochs": -1, "limit_val_batches": 0, "gradient_clip_val": parts.config.trainer.gradient_clip_val}
    pl.Trainer(accelerator="cpu", callbacks=[budget], **quiet, **limits).fit(parts.module, parts.data)
    (found,) = pl.Trainer(accelerator="cpu", **quiet).validate(parts.module, parts.data, verbose=False)
    return found[monitor], budget.n_steps


def main() -> None:
    """Compare the competitors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="+")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--monitor", default="val/accuracy")
    options = parser.parse_args()
    torch.set_num_threads(1)
    shared = [word for word in options.words if not word.startswith("optimizer=")]
    for competitor in (word for word in options.words if word.startswith("optimizer=")):
        found = [
            score([*shared, *competitor.split(","), f"seed={seed}"], seconds=options.seconds, monitor=options.monitor)
            for seed in range(1, options.seeds + 1)
        ]
        scores = [one for one, _ in found]
        each = ", ".join(f"{one:.3f}" for one in scores)
        print(f"{competitor}: {sum(scores) / len(scores):.3f} ({each}); steps {[n for _, n in found]}", flush=True)


if __name__ == "__main__":
    main()
