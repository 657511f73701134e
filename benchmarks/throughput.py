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
from experiment import Experiment

from seqlab.cli.process import keep_freed_memory
from seqlab.inference.tagger import predict
from seqlab.model.labeler import Labeler
from seqlab.steps import Steps

N_PREDICTIONS = 5


def main(overrides: list[str]) -> None:
    """Measure what `overrides` compose, and print one line a figure."""
    keep_freed_memory()  # as the command does
    experiment = Experiment(overrides)
    torch.set_num_threads(experiment.settings["n_threads"] or torch.get_num_threads())
    labeler = experiment.labeler()
    n_tokens = int(experiment.records.lengths.sum())
    step, encoder = training_seconds(experiment, labeler)
    print(f"training            {n_tokens / step:>10,.0f} tokens/s on {torch.get_num_threads()} threads")
    print(f"outside the encoder {1 - encoder / step:>10.0%} of a step")
    test = experiment.splits.get("test", experiment.splits["val"])
    n_test = int(experiment.fields.encode(test).lengths.sum())

    def labelled(use_confidences: bool) -> None:
        predict(labeler, experiment.fields.encode(test), max_tokens=4096, use_confidences=use_confidences)

    for name, use_confidences in (("labels", False), ("with confidences", True)):
        best = min(timed(labelled, use_confidences) for _ in range(N_PREDICTIONS))
        print(f"prediction          {n_test / best:>10,.0f} tokens/s ({name}; best of {N_PREDICTIONS})")


def training_seconds(experiment: Experiment, labeler: Labeler) -> tuple[float, float]:
    """Return the seconds that an epoch takes, batches cut included, and those that its encoder takes alone."""

    def encoder_step(steps: Steps) -> None:
        labeler.encoder(steps).values.sum().backward()

    def embedded(batch: Any) -> Steps:
        with torch.no_grad():
            steps = labeler.embedding(batch)
        return Steps(steps.values.requires_grad_(), steps.lengths)

    whole_step = experiment.training_step(labeler)
    for epoch in range(2):  # the first warms up
        step = encoder = 0.0
        for rows in experiment.batches(epoch=epoch):
            start = time.perf_counter()
            batch = experiment.records.batch(rows)
            step += time.perf_counter() - start + timed(whole_step, batch)
            if epoch:
                encoder += timed(encoder_step, embedded(batch))
    return step, encoder


def timed(action: Callable[[Any], object], argument: object) -> float:
    """Return the seconds that `action` takes on `argument`."""
    start = time.perf_counter()
    action(argument)
    return time.perf_counter() - start


if __name__ == "__main__":
    main(sys.argv[1:])
