"""Encode records as vectors: the encoder's summary of each, and its steps (words or tree nodes)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import final

import numpy as np
import torch
from jaxtyping import Float

from seqlab.data.batch import Batch, EncodedRecords
from seqlab.data.batching import sorted_batches
from seqlab.errors import ConfigError
from seqlab.model.labeler import Labeler
from seqlab.steps import Steps


@final
@dataclass(frozen=True, slots=True)
class StepVectors:
    """The vectors of a record's steps, or of the nodes of its tree."""

    values: Float[np.ndarray, "step feature"]
    bounds: list[tuple[int, int]]
    """First step of the record that each covers, and one past the last."""
    labels: Mapping[str, list[str]]
    """Labels of the steps, for each head that labels them."""

    @property
    def whole(self) -> Float[np.ndarray, " feature"]:
        """One vector for all steps: that of the step covering all of them, such as the root of a tree, otherwise their mean.

        Zeros if there are no steps.
        """
        n_steps = max((end for _, end in self.bounds), default=0)
        # In post-order, the root of a tree is the last node.
        if n_steps and self.bounds[-1] == (0, n_steps):
            return np.asarray(self.values[-1])
        return np.asarray(self.values.mean(0) if len(self.values) else np.zeros(self.values.shape[1], dtype=np.float32))


@final
@dataclass(frozen=True, slots=True)
class EncodedRecord:
    """A record as vectors."""

    tokens: list[str]
    """Empty for records without tokens, such as frames."""
    summary: Float[np.ndarray, " feature"] | None
    """The encoder's summary of the record, such as its last state or root. An empty record has the summary of empty input.
    None if the encoder has no summary and only steps were requested.
    """
    steps: StepVectors | None
    """None unless requested."""

    @property
    def whole(self) -> Float[np.ndarray, " feature"]:
        """One vector for the record: that of all its steps if they were requested, otherwise the summary."""
        if self.steps is not None:
            return self.steps.whole
        assert self.summary is not None
        return self.summary


@torch.inference_mode()
def encode(
    labeler: Labeler, records: EncodedRecords, *, tokens: Sequence[list[str]], max_tokens: int, use_steps: bool
) -> list[EncodedRecord]:
    """Encode records in batches of similar length, and return them in input order; `tokens` are the tokens of each."""
    labeler.eval()
    device = next(chain(labeler.parameters(), labeler.buffers())).device
    found: dict[int, EncodedRecord] = {}
    for rows in sorted_batches(records.sizes, max_tokens=max_tokens):
        batch = records.batch(rows).to(device)
        encoded = labeler(batch)
        if encoded.summary is None and not use_steps:
            raise ConfigError("the encoder has no summary of records; encode steps instead: --steps, or use_steps=True")
        # `float`: NumPy has no bfloat16, which a model under autocast may return.
        summaries = [None] * len(rows) if encoded.summary is None else encoded.summary.float().cpu().numpy()
        parts = _step_vectors(labeler, encoded, batch) if use_steps else [None] * len(rows)
        for row, summary, steps in zip(rows.tolist(), summaries, parts, strict=True):
            found[row] = EncodedRecord(tokens[row], summary, steps)
    return [found[row] for row in range(len(found))]


def _step_vectors(labeler: Labeler, steps: Steps, batch: Batch) -> list[StepVectors]:
    heads = {name: head for name, head in labeler.heads.items() if head.is_per_step}
    predicted = {name: head.written(head.predict(steps, batch, use_confidences=False)) for name, head in heads.items()}
    covers = None if steps.covers is None else steps.covers.tolist()
    values = steps.values.float().cpu().numpy()
    found = []
    for i, length in enumerate(steps.lengths.tolist()):
        bounds = [(step, step + 1) for step in range(length)] if covers is None else [(a, b) for a, b in covers[i][:length]]
        found.append(StepVectors(values[i, :length], bounds, {name: predicted[name][i].labels for name in heads}))
    return found
