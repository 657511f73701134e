"""Records as vectors: the encoder's summary of each, and its steps, which are words or the nodes of trees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.data.batch import Batch, EncodedRecords
from seqlab.data.batching import sorted_batches
from seqlab.errors import ConfigError
from seqlab.model.labeler import Labeler
from seqlab.steps import Steps


@final
@dataclass(frozen=True, slots=True)
class StepVectors:
    """The steps that the encoder makes of a record: one for each of its own steps, or one for each node of its tree."""

    values: Float[np.ndarray, "step feature"]
    bounds: list[tuple[int, int]]
    """First step of the record that each covers, and the one after its last."""
    labels: Mapping[str, list[str]]
    """What each head that labels these steps says of them."""

    @property
    def whole(self) -> Float[np.ndarray, " feature"]:
        """The vector of all steps together: of the step that covers them all, as the root of a tree does; else their mean,
        zeros where there is none.
        """
        n_steps = max((end for _, end in self.bounds), default=0)
        if n_steps and self.bounds[-1] == (0, n_steps):
            return np.asarray(self.values[-1])
        return np.asarray(self.values.mean(0) if len(self.values) else np.zeros(self.values.shape[1], dtype=np.float32))


@final
@dataclass(frozen=True, slots=True)
class EncodedRecord:
    """A record as the encoder sees it."""

    tokens: list[str]
    """Empty where the record has none, as records of frames."""
    summary: Float[np.ndarray, " feature"] | None
    """Last state, root …: what the encoder sums the record up in; of an empty record what it gives for none. None where
    the encoder sums nothing up, and steps were asked for.
    """
    steps: StepVectors | None
    """None where they were not asked for."""

    @property
    def whole(self) -> Float[np.ndarray, " feature"]:
        """The vector of the record: that of all its steps where they were asked for, else the summary."""
        if self.steps is not None:
            return self.steps.whole
        assert self.summary is not None
        return self.summary


@torch.inference_mode()
def encode(
    labeler: Labeler, records: EncodedRecords, *, tokens: Sequence[list[str]], max_tokens: int, use_steps: bool
) -> list[EncodedRecord]:
    """Return every record as vectors, in their order; batches of similar lengths keep it fast. `tokens` are the records'."""
    labeler.eval()
    device = next(chain(labeler.parameters(), labeler.buffers())).device
    found: dict[int, EncodedRecord] = {}
    for rows in sorted_batches(records.sizes, max_tokens=max_tokens):
        batch = records.batch(rows).to(device)
        encoded = labeler(batch)
        if encoded.summary is None and not use_steps:
            raise ConfigError("the encoder sums nothing up in one vector; encode steps instead: --steps, or use_steps=True")
        summaries = [None] * len(rows) if encoded.summary is None else _numbers(encoded.summary)
        parts = _step_vectors(labeler, encoded, batch) if use_steps else [None] * len(rows)
        for row, summary, steps in zip(rows.tolist(), summaries, parts, strict=True):
            found[row] = EncodedRecord(tokens[row], summary, steps)
    return [found[row] for row in range(len(found))]


def _step_vectors(labeler: Labeler, steps: Steps, batch: Batch) -> list[StepVectors]:
    heads = {name: head for name, head in labeler.heads.items() if head.is_per_step}
    said = {name: head.predict(steps, batch, use_confidences=False) for name, head in heads.items()}
    covers = None if steps.covers is None else steps.covers.tolist()
    values = _numbers(steps.values)
    found = []
    for i, length in enumerate(steps.lengths.tolist()):
        bounds = [(step, step + 1) for step in range(length)] if covers is None else [(a, b) for a, b in covers[i][:length]]
        found.append(StepVectors(values[i, :length], bounds, {name: said[name][i].labels for name in heads}))
    return found


def _numbers(values: Tensor) -> np.ndarray:
    numbers: np.ndarray = values.float().cpu().numpy()
    return numbers
