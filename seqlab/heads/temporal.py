"""Temporal heads: the order of the labels is known, where they stand is not."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from seqlab.data.batch import Batch, EncodedRecords
from seqlab.data.columns import Columns
from seqlab.data.fields import LabelSequenceField, LabelSequences
from seqlab.errors import ConfigError
from seqlab.functional.alignment import Topology, best_alignment, label_spans, min_steps
from seqlab.functional.dropout import NaiveDropout
from seqlab.functional.padding import step_mask
from seqlab.heads.base import Head
from seqlab.heads.parts.misfits import Misfits
from seqlab.metrics import closest_references, label_error_rate
from seqlab.steps import Steps
from seqlab.types import Prediction

N_CHECKED = 1024
"""Records looked at together before training."""


class TemporalHead(Head):
    """Scores `units` at each step; its subclasses know which alignments of labels and steps they allow.

    A step makes `upsampling` emissions, each by weights of its own, so that a record may have more labels than steps. Records
    whose labels fit in no alignment, and those with a label never seen in training, are left out of the loss; the former are
    told with their number before training.
    """

    target: LabelSequenceField
    why_no_entropy = "the probabilities of all sequences of labels cannot be summed up"

    def __init__(
        self, *, target: LabelSequenceField, input_width: int, n_units: int, upsampling: int, drop_prob: float
    ) -> None:
        super().__init__()
        if upsampling < 1:
            raise ConfigError(f"heads.labels.upsampling is {upsampling}; expected at least 1 emission a step")
        self.target = target
        self.n_units = n_units
        self.upsampling = upsampling
        self.dropout = NaiveDropout(drop_prob=drop_prob)
        self.projection = nn.Linear(input_width, upsampling * n_units)
        self.register_buffer("n_passes", torch.zeros((), dtype=torch.long))

    @property
    def main_metric(self) -> str:
        """1 - label error rate."""
        return "label_accuracy"

    def loss(self, steps: Steps, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss a label, the end counted as one more, over the records that have an alignment."""
        sequences = batch.tensors(self.target)
        assert isinstance(sequences, LabelSequences), type(sequences)
        is_known = _are_known(sequences)
        losses, fits = self._losses(self._log_probs(steps), self._lengths(steps), sequences, is_known)
        counts = (sequences.n_labels + 1) * fits
        return torch.where(fits, losses, 0.0).sum() / counts.sum().clamp(min=1)

    def check_records(self, records: EncodedRecords, *, split: str, is_taught: bool) -> None:
        """Tell of the records with more labels than fit in their steps, and how many emissions a step would be enough."""
        needed = self._needed_emissions(records)
        has_steps = records.lengths > 0
        times = -(-needed // records.lengths.clip(min=1))
        is_misfit = needed > records.lengths * self.upsampling
        enough = int(times[has_steps & is_misfit].max(initial=self.upsampling))
        n_never = int((is_misfit & ~has_steps).sum())
        remedy = f"with heads.labels.upsampling={enough} (now {self.upsampling}) all would fit"
        remedy += f" but {n_never:,} without any step" * bool(n_never)
        reason = "have more labels than fit in their steps"
        Misfits("heads.labels", split, int(is_misfit.sum()), int((needed >= 0).sum()), reason, remedy).tell(is_taught=is_taught)

    def _needed_emissions(self, records: EncodedRecords) -> Int[np.ndarray, " record"]:
        """Return the fewest emissions that each record's labels fit in; -1 where training never saw one of them."""
        found = []
        for rows in np.split(np.arange(len(records)), range(N_CHECKED, len(records), N_CHECKED)):
            sequences = records.encoded[self.target.key].collate(rows)
            assert isinstance(sequences, LabelSequences), type(sequences)
            is_known = _are_known(sequences)
            needed = min_steps(self._topology(sequences.labels.clamp(min=0), torch.where(is_known, sequences.n_labels, 0)))
            found.append(needed.masked_fill(~is_known, -1).numpy())
        return np.concatenate(found)

    @property
    def is_first_pass(self) -> bool:
        """Whether no pass over the training data has ended yet."""
        return not int(self.get_buffer("n_passes"))

    def end_epoch(self) -> None:
        """Count the pass."""
        self.get_buffer("n_passes").add_(1)

    def predict(self, steps: Steps, batch: Batch, *, use_confidences: bool) -> list[Prediction]:
        """Return each record's labels; with confidences, where each stands too, as the best alignment has it.

        The confidence of a label is the mean probability of its units over the steps that it is given.
        """
        log_probs, lengths = self._log_probs(steps), self._lengths(steps)
        return self._predictions(self._decode(log_probs, lengths), log_probs, lengths, use_confidences=use_confidences)

    def _predictions(
        self,
        found: Sequence[Sequence[int]],
        log_probs: Float[Tensor, "batch time unit"],
        lengths: Int[Tensor, " batch"],
        *,
        use_confidences: bool,
    ) -> list[Prediction]:
        """Return the labels `found`, as `predict` does."""
        names = self.target.labels
        if not use_confidences:
            return [Prediction([names[i] for i in row], []) for row in found]
        width = max(map(len, found), default=0)
        labels = torch.tensor([[*row] + [0] * (width - len(row)) for row in found], dtype=torch.long, device=lengths.device)
        n_labels = torch.tensor([len(row) for row in found], device=lengths.device)
        topology = self._topology(labels.view(len(found), width), n_labels)
        _, states = best_alignment(self._scores(log_probs), lengths, topology)
        spans, confidences = label_spans(states, topology), _confidences(log_probs, states, topology, width=width)
        rows = zip(found, spans.tolist(), confidences.tolist(), strict=True)
        return [
            Prediction([names[i] for i in row], sure[: len(row)], [self._in_steps(*span) for span in bounds[: len(row)]])
            for row, bounds, sure in rows
        ]

    def gold(self, columns: Columns) -> list[list[list[str]]]:
        """Return all right answers of each record."""
        return self.target.gold(columns)

    def score(self, gold: Sequence[Sequence[Sequence[str]]], predictions: Sequence[Prediction]) -> dict[str, Any]:
        """Return label error rate and what makes it up, against the right answer that is closest."""
        predicted = [prediction.labels for prediction in predictions]
        scores = label_error_rate(closest_references(gold, predicted), predicted)
        return {"label_accuracy": 1.0 - scores["label_error_rate"], **scores}

    @abstractmethod
    def _losses(
        self,
        log_probs: Float[Tensor, "batch time unit"],
        lengths: Int[Tensor, " batch"],
        sequences: LabelSequences,
        is_known: Bool[Tensor, " batch"],
    ) -> tuple[Float[Tensor, " batch"], Bool[Tensor, " batch"]]:
        """Return the loss of each record, and whether it has one; of those not `is_known` nothing is asked."""

    @abstractmethod
    def _decode(self, log_probs: Float[Tensor, "batch time unit"], lengths: Int[Tensor, " batch"]) -> list[list[int]]: ...

    @abstractmethod
    def _topology(self, labels: Int[Tensor, "batch label"], n_labels: Int[Tensor, " batch"]) -> Topology: ...

    def _scores(self, log_probs: Float[Tensor, "batch time unit"]) -> Float[Tensor, "batch time unit"]:
        """Return what alignments are scored by."""
        return log_probs

    def _log_probs(self, steps: Steps) -> Float[Tensor, "batch time unit"]:
        """Return the log probability of each unit at each emission."""
        logits: Tensor = self.projection(self.dropout(steps.zero_padded().values)).float()
        return logits.view(len(logits), -1, self.n_units).log_softmax(2)

    def _lengths(self, steps: Steps) -> Int[Tensor, " batch"]:
        return steps.lengths * self.upsampling

    def _in_steps(self, start: int, end: int) -> tuple[int, int]:
        """Return the steps that emissions `start` to `end` come from."""
        return start // self.upsampling, -(-end // self.upsampling)


def _are_known(sequences: LabelSequences) -> Bool[Tensor, " batch"]:
    """Return the records all of whose labels training has seen."""
    is_label = step_mask(sequences.n_labels, sequences.labels.shape[1])
    return ((sequences.labels >= 0) | ~is_label).all(1)


def _confidences(
    log_probs: Float[Tensor, "batch time unit"], states: Int[Tensor, "batch time"], topology: Topology, *, width: int
) -> Float[Tensor, "batch label"]:
    """Return the mean probability of the units that each label is aligned to."""
    places = states.clamp(min=0)
    units, labels = topology.units.gather(1, places), topology.label_of_state.gather(1, places).masked_fill(states < 0, -1)
    probs = log_probs.gather(2, units.unsqueeze(2))[..., 0].exp()
    at_label = labels[:, None] == torch.arange(width, device=labels.device)[:, None]
    return (probs[:, None] * at_label).sum(2) / at_label.sum(2).clamp(min=1)
