"""Temporal heads: the order of the labels is known, their positions are not."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqlab.data.batch import Batch, EncodedRecords
from seqlab.data.columns import Columns
from seqlab.data.fields import LabelSequenceField, LabelSequences, Tensors
from seqlab.functional.alignment import Topology, min_steps
from seqlab.functional.dropout import NaiveDropout
from seqlab.functional.padding import step_mask
from seqlab.functional.widths import Linear
from seqlab.heads.base import Head
from seqlab.heads.distributions.alignments import Alignments, Lengths, LogProbs, Ranked
from seqlab.heads.parts.answers import Answer, Answered, SequenceAnswer
from seqlab.heads.parts.counts import LABEL_ERROR_RATE, Counted, edit_counts
from seqlab.heads.parts.misfits import report_misfits
from seqlab.heads.parts.options import check_option
from seqlab.metrics import closest_references, label_error_rate
from seqlab.steps import Steps
from seqlab.types import Prediction

Losses: TypeAlias = tuple[Float[Tensor, " batch"], Bool[Tensor, " batch"]]
N_CHECKED = 1024
"""Records checked together before training, which bounds the memory for it."""


class TemporalHead(Head):
    """Scores `n_units` at each emission; subclasses define how labels may be aligned with emissions.

    A step has `upsampling` emissions, each with its own weights, so that a record may have more labels than steps. Records
    whose labels fit in no alignment, and those with a label unseen in training, are left out of the loss; the number of the
    former is reported before training.

    Args:
        target: Field of the label sequences.
        input_width: Features per step.
        n_units: Number of units, such as labels and the blank.
        upsampling: Emissions per step, at least 1.
        drop_prob: Dropout of the steps, from 0 to below 1.
        insertion_bonus: Nats that each label adds in decoding.
    """

    kind = "temporal"
    main_metric = "label_accuracy"
    own_score = "label_error_rate"
    lacks = MappingProxyType({"entropy": "it cannot sum over all label sequences"})
    item_axes = MappingProxyType(
        {"projection.weight": "u-", "projection.bias": "u", "log_prior": "p", "n_passes": None, "counts.counts": None}
    )
    target: LabelSequenceField

    def __init__(
        self,
        target: LabelSequenceField,
        input_width: int,
        n_units: int,
        *,
        upsampling: int,
        drop_prob: float,
        insertion_bonus: float,
    ) -> None:
        super().__init__()
        check_option(upsampling >= 1, "at least 1", upsampling=upsampling)
        check_option(math.isfinite(insertion_bonus), "a finite number", insertion_bonus=insertion_bonus)
        self.target, self.n_units, self.upsampling, self.insertion_bonus = target, n_units, upsampling, insertion_bonus
        self.dropout = NaiveDropout(drop_prob=drop_prob)
        self.projection = Linear(input_width, upsampling * n_units)
        # saved, because a resumed run must know whether the first pass is over
        self.register_buffer("n_passes", torch.zeros((), dtype=torch.long))

    def axis_items(self, axis: str) -> list[str]:
        """Return the units (`p`), or those of each emission of a step (`u`)."""
        names = self._unit_names()
        return names if axis == "p" else [f"{emission} {unit}" for emission in range(self.upsampling) for unit in names]

    @abstractmethod
    def _unit_names(self) -> list[str]:
        """Return a name for each unit; those of labels begin with the label."""

    def distribution(self, steps: Steps, batch: Batch) -> Alignments:
        """Return the distribution over label sequences."""
        # in float32 at least, also under autocast: sums over alignments add up many small numbers
        logits = self.projection(self.dropout(steps.zero_padded().values)).float()
        return Alignments(
            logits.view(len(logits), -1, self.n_units).log_softmax(2),
            steps.lengths * self.upsampling,
            self.target.labels,
            upsampling=self.upsampling,
            topology=self._topology,
            scores=self._scores,
            decode=self._decode,
            rank=self._rank,
        )

    def loss(self, steps: Steps, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss per label, counting the end as one more, over the records that have an alignment."""
        believed, (sequences, is_known) = self.distribution(steps, batch), _known(batch.tensors(self.target))
        losses, fits = self._losses(believed, sequences, is_known)
        # the end counts as a label, so that records without labels count too
        counts = (sequences.n_labels + 1) * fits
        return torch.where(fits, losses, 0.0).sum() / counts.sum().clamp(min=1)

    def check_records(self, records: EncodedRecords, *, split: str, is_taught: bool) -> None:
        """Report the records with more labels than fit in their steps, and the upsampling that would be enough."""
        needed = self._needed_emissions(records)
        has_steps = records.lengths > 0
        # ceiling division: emissions needed per step
        times = -(-needed // records.lengths.clip(min=1))
        is_misfit = needed > records.lengths * self.upsampling
        enough = int(times[has_steps & is_misfit].max(initial=self.upsampling))
        n_never = int((is_misfit & ~has_steps).sum())
        remedy = f"with {self.path}.upsampling={enough} (now {self.upsampling}) all would fit"
        remedy += f" but {n_never:,} without any step" * bool(n_never)
        n_misfits, n_known = int(is_misfit.sum()), int((needed >= 0).sum())
        reason = "have more labels than fit in their steps"
        report_misfits(n_misfits, n_known, reason, remedy, path=self.path, split=split, is_taught=is_taught)

    def _needed_emissions(self, records: EncodedRecords) -> Int[np.ndarray, " record"]:
        """Return the fewest emissions that each record's labels fit in; -1 for a record with a label unseen in training."""
        found = []
        for rows in np.split(np.arange(len(records)), range(N_CHECKED, len(records), N_CHECKED)):
            sequences, is_known = _known(records.encoded[self.target.key].collate(rows))
            needed = min_steps(self._topology(sequences.labels, sequences.n_labels))
            found.append(needed.masked_fill(~is_known, -1).numpy())
        return np.concatenate(found)

    @property
    def is_first_pass(self) -> bool:
        """Whether no pass over the training data has ended yet."""
        return not int(self.get_buffer("n_passes"))

    def end_epoch(self) -> None:
        """Count the pass."""
        self.get_buffer("n_passes").add_(1)

    def gold(self, columns: Columns) -> list[list[list[str]]]:
        """Return all correct answers for each record."""
        return self.target.gold(columns)

    @classmethod
    def counted(cls, target: Any) -> list[Counted]:
        """Return the counts of edits."""
        return [Counted(LABEL_ERROR_RATE, edit_counts)]

    def shown(self, records: Sequence[Answered]) -> Sequence[Answer]:
        """Return labels in order, beside the closest correct answer."""
        predictions = [record.prediction for record in records]
        closest = closest_references([record.gold for record in records], [one.labels for one in predictions])
        return [
            SequenceAnswer(record.id, record.tokens or [], gold, one.labels, one.confidences, one.bounds or [])
            for record, gold, one in zip(records, closest, predictions, strict=True)
        ]

    def score(self, gold: Sequence[Sequence[Sequence[str]]], predictions: Sequence[Prediction]) -> dict[str, Any]:
        """Return label error rate and its parts, against the closest correct answer."""
        predicted = [prediction.labels for prediction in predictions]
        scores = label_error_rate(closest_references(gold, predicted), predicted)
        return {"label_accuracy": 1.0 - scores["label_error_rate"], **scores}

    @abstractmethod
    def _losses(self, believed: Alignments, sequences: LabelSequences, is_known: Bool[Tensor, " batch"]) -> Losses:
        """Return the loss of each record, and whether it has one; where it has none, the loss is not read.

        Records that are not `is_known` have none; their number of labels is 0.
        """

    @abstractmethod
    def _decode(self, log_probs: LogProbs, lengths: Lengths) -> list[list[int]]:
        """Return the labels of each record."""

    def _rank(self, log_probs: LogProbs, lengths: Lengths, n: int) -> Ranked:
        """Return the `n` best label sequences of each record with the log of the sum over all their alignments."""
        raise NotImplementedError(f"{type(self).__name__} decodes the best path only")

    @abstractmethod
    def _topology(self, labels: Int[Tensor, "batch label"], n_labels: Lengths) -> Topology:
        """Return the states that the alignments of label sequences pass through."""

    def _scores(self, log_probs: LogProbs) -> LogProbs:
        """Return the scores of units that alignments are made of."""
        return log_probs


def _known(sequences: Tensors) -> tuple[LabelSequences, Bool[Tensor, " batch"]]:
    """Return the label sequences, and whether training has seen all labels of each; the others get no labels."""
    assert isinstance(sequences, LabelSequences), type(sequences)
    is_label = step_mask(sequences.n_labels, sequences.labels.shape[1])
    is_known = ((sequences.labels >= 0) | ~is_label).all(1)
    return LabelSequences(sequences.labels.clamp(min=0), torch.where(is_known, sequences.n_labels, 0)), is_known
