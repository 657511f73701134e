"""Tokens per second of training and prediction, and the share of a training step spent outside the encoder.

    python benchmarks/throughput.py experiment=wnut17 data.dir=…/wnut17

Whole steps and the encoder alone (forward and backward on the same input) are timed batch by batch in turn, so that a noisy
machine disturbs both alike. Prediction starts from records in memory and ends with labels and confidences, encoding included.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import torch

from seqlab.allocation import keep_freed_memory
from seqlab.config import build, compose, known_targets, plain
from seqlab.data.batching import TrainingBatches
from seqlab.data.datamodule import read_splits
from seqlab.data.fields.registry import Fields
from seqlab.inference.tagger import predict
from seqlab.labeler import MODEL_KEYS, build_labeler
from seqlab.module import clip_to_norm_
from seqlab.steps import Steps

N_PREDICTIONS = 5


def main(overrides: list[str]) -> None:
    """Measure what `overrides` compose, and print one line a figure."""
    keep_freed_memory()  # as the command does
    settings = plain(compose([*overrides, "paths.run_dir=."]))
    targets = known_targets()
    torch.set_num_threads(settings["n_threads"] or torch.get_num_threads())
    torch.manual_seed(settings["seed"])
    splits = read_splits(settings["data"], targets=targets, seed=settings["seed"])
    fields = Fields.from_config({key: settings[key] for key in MODEL_KEYS}, targets=targets)
    fields.fit(splits["train"])
    labeler = build_labeler(settings, fields=fields, targets=targets)
    optimizer = build(settings["optimizer"], targets=targets)(labeler.parameters())
    records = fields.encode(splits["train"])
    batches = TrainingBatches(records.lengths, max_tokens=settings["max_tokens"], seed=settings["seed"], rank=0, n_ranks=1)

    def whole_step(batch):
        optimizer.zero_grad()
        sum(labeler.losses(batch).values()).backward()
        clip_to_norm_(labeler.parameters(), max_norm=settings["trainer"]["gradient_clip_val"])
        optimizer.step()

    def encoder_step(steps):
        labeler.encoder(steps).values.sum().backward()

    def embedded(batch):
        with torch.no_grad():
            steps = labeler.embedding(batch)
        return Steps(steps.values.requires_grad_(), steps.lengths)

    def labelled(use_confidences):
        predict(labeler, fields.encode(test), max_tokens=4096, use_confidences=use_confidences)

    labeler.train()
    seconds = {"step": 0.0, "encoder": 0.0}
    for epoch in range(2):  # the first warms up
        seconds = dict.fromkeys(seconds, 0.0)
        batches.set_epoch(epoch)
        for rows in batches:
            collate_start = time.perf_counter()
            batch = records.batch(rows)
            seconds["step"] += time.perf_counter() - collate_start + timed(whole_step, batch)
            if epoch:
                seconds["encoder"] += timed(encoder_step, embedded(batch))
    n_tokens = int(records.lengths.sum())
    print(f"training            {n_tokens / seconds['step']:>10,.0f} tokens/s on {torch.get_num_threads()} threads")
    print(f"outside the encoder {1 - seconds['encoder'] / seconds['step']:>10.0%} of a step")
    test = splits.get("test", splits["val"])
    n_test = int(fields.encode(test).lengths.sum())
    for name, use_confidences in (("labels", False), ("with confidences", True)):
        best = min(timed(labelled, use_confidences) for _ in range(N_PREDICTIONS))
        print(f"prediction          {n_test / best:>10,.0f} tokens/s ({name}; best of {N_PREDICTIONS})")


def timed(action: Callable[[Any], object], argument: object) -> float:
    """Return the seconds that `action` takes on `argument`."""
    start = time.perf_counter()
    action(argument)
    return time.perf_counter() - start


if __name__ == "__main__":
    main(sys.argv[1:])
