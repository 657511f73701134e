"""Measure tokens per second in training and prediction, and the share of a training step outside the encoder.

    python benchmarks/throughput.py experiment=wnut17 data.dir=…/wnut17

Whole steps and the encoder alone (forward and backward on the same input) are timed alternately, batch by batch, so that other
load on the machine affects both. Prediction starts from records in memory and ends with labels and confidences; it includes
encoding the records.
"""

import sys
import time
from functools import partial
from typing import Any

import torch
from experiment import Experiment
from turns import seconds

from seqlab.cli.process import keep_freed_memory
from seqlab.inference.tagger import predict
from seqlab.model.labeler import Labeler
from seqlab.steps import Steps

N_PREDICTIONS = 5


def main(overrides: list[str]) -> None:
    """Measure the experiment composed from `overrides` and print one line per figure."""
    keep_freed_memory()  # as the seqlab command does
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
        best = min(seconds(partial(labelled, use_confidences)) for _ in range(N_PREDICTIONS))
        print(f"prediction          {n_test / best:>10,.0f} tokens/s ({name}; best of {N_PREDICTIONS})")


def training_seconds(experiment: Experiment, labeler: Labeler) -> tuple[float, float]:
    """Return the seconds per epoch, collating of batches included, and those of the encoder alone."""

    def encoder_step(steps: Steps) -> None:
        labeler.encoder(steps).values.sum().backward()

    def embedded(batch: Any) -> Steps:
        with torch.no_grad():
            steps = labeler.embedding(batch)
        return Steps(steps.values.requires_grad_(), steps.lengths)

    whole_step = experiment.training_step(labeler)
    for epoch in range(2):  # the first is a warm-up
        step = encoder = 0.0
        for rows in experiment.batches(epoch=epoch):
            start = time.perf_counter()
            batch = experiment.records.batch(rows)
            step += time.perf_counter() - start + seconds(partial(whole_step, batch))
            if epoch:
                encoder += seconds(partial(encoder_step, embedded(batch)))
    return step, encoder


if __name__ == "__main__":
    main(sys.argv[1:])
