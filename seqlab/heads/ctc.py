"""Connectionist temporal classification as a head (Graves et al. 2006)."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqlab.data.batch import Batch
from seqlab.data.fields import LabelSequenceField, LabelSequences
from seqlab.errors import ConfigError
from seqlab.functional.alignment import (
    Hypothesis,
    LabelPrior,
    Topology,
    ctc_best_path,
    ctc_loss,
    ctc_prefix_beam_search,
    ctc_topology,
)
from seqlab.heads.parts.bigram_counts import LabelCounts, add_up_processes_
from seqlab.heads.parts.ranges import check_at_least, check_finite
from seqlab.heads.temporal import TemporalHead
from seqlab.steps import Steps
from seqlab.types import Alternative, Prediction

N_SUMMED = 128
"""Label sequences whose alignments are summed together, which bounds the memory for it."""


@final
class CtcHead(TemporalHead):
    """Each emission is a label or the blank; equal labels side by side are one, blanks are left out.

    With a `beam_width` of 1 the labels of the likeliest alignment are taken, above it the likeliest labels that a prefix beam
    search finds. There each label adds `insertion_bonus` nats and, with a `prior_order` above 0, `prior_weight` times its log
    probability after the labels before it, by n-grams of that order counted in the first pass over the training records.
    """

    why_unranked = None

    def __init__(
        self,
        *,
        target: LabelSequenceField,
        input_width: int,
        summary_width: int,
        upsampling: int,
        drop_prob: float,
        beam_width: int,
        insertion_bonus: float,
        prior_order: int,
        prior_weight: float,
    ) -> None:
        super().__init__(
            target=target, input_width=input_width, n_units=len(target.labels) + 1, upsampling=upsampling, drop_prob=drop_prob
        )
        if beam_width < 1:
            raise ConfigError(f"heads.labels.beam_width is {beam_width}; expected at least 1, for the best path")
        if prior_order and beam_width == 1:
            raise ConfigError("heads.labels.prior_order needs a beam; set heads.labels.beam_width above 1, such as 10")
        check_at_least(prior_weight, 0, path="heads.labels.prior_weight")
        check_finite(insertion_bonus, path="heads.labels.insertion_bonus")
        self.blank = len(target.labels)
        self.prior_weight = prior_weight
        self.counts = LabelCounts(n_labels=len(target.labels), order=prior_order) if prior_order else None
        self._prior: LabelPrior | None = None
        self.beam_width = beam_width
        self.insertion_bonus = insertion_bonus

    def _losses(
        self,
        log_probs: Float[Tensor, "batch time unit"],
        lengths: Int[Tensor, " batch"],
        sequences: LabelSequences,
        is_known: Bool[Tensor, " batch"],
    ) -> tuple[Float[Tensor, " batch"], Bool[Tensor, " batch"]]:
        if self.training and self.counts is not None and self.is_first_pass:
            self.counts.add(sequences.labels, sequences.n_labels, is_known)
        n_labels = torch.where(is_known, sequences.n_labels, 0)
        found = ctc_loss(log_probs, lengths, sequences.labels, n_labels, blank=self.blank)
        return found.losses, found.fits & is_known

    def _decode(self, log_probs: Float[Tensor, "batch time unit"], lengths: Int[Tensor, " batch"]) -> list[list[int]]:
        if self.beam_width == 1:
            return [path.labels for path in ctc_best_path(log_probs, lengths, blank=self.blank)]
        return [row[0][0] for row in self._ranked(log_probs, lengths, n=1)]

    def answer(self, steps: Steps, batch: Batch, *, use_confidences: bool, n_best: int = 0) -> list[Prediction]:
        """Return `predict`; with `n_best`, the first of them as the answer, which the same search has found."""
        if not n_best:
            return self.predict(steps, batch, use_confidences=use_confidences)
        log_probs, lengths = self._log_probs(steps), self._lengths(steps)
        ranked = self._ranked(log_probs, lengths, n=n_best)
        firsts = [row[0][0] for row in ranked]
        found = self._predictions(firsts, log_probs, lengths, use_confidences=use_confidences)
        return [replace(one, alternatives=self._named(row)) for one, row in zip(found, ranked, strict=True)]

    def best(self, steps: Steps, batch: Batch, *, n: int) -> list[list[Alternative]]:
        """Return the `n` best label sequences that are found, with their probability, the prior left out.

        A beam of at least `n` finds them. With a `beam_width` of 1 the labels of the likeliest alignment are ranked with them,
        so the first is never less probable than those.
        """
        return [self._named(row) for row in self._ranked(self._log_probs(steps), self._lengths(steps), n=n)]

    def _ranked(
        self, log_probs: Float[Tensor, "batch time unit"], lengths: Int[Tensor, " batch"], *, n: int
    ) -> list[list[tuple[list[int], float]]]:
        """Return the `n` best label sequences of each record with the log of the sum over all their alignments."""
        found = [[(h.labels, h.score - h.log_prob) for h in row] for row in self._search(log_probs, lengths, n=n)]
        if self.beam_width == 1:
            paths = [path.labels for path in ctc_best_path(log_probs, lengths, blank=self.blank)]
            found = [[(path, 0.0), *(one for one in row if one[0] != path)] for row, path in zip(found, paths, strict=True)]
        logs = self._log_probabilities([[labels for labels, _ in row] for row in found], log_probs, lengths)
        ranked = []
        for row, of_row in zip(found, logs, strict=True):
            scored = [(log_prob + extra, labels, log_prob) for (labels, extra), log_prob in zip(row, of_row, strict=True)]
            ranked.append([(labels, log_prob) for _, labels, log_prob in sorted(scored, key=lambda one: -one[0])[:n]])
        return ranked

    def _log_probabilities(
        self, found: Sequence[Sequence[list[int]]], log_probs: Float[Tensor, "batch time unit"], lengths: Int[Tensor, " batch"]
    ) -> list[list[float]]:
        """Return the log probability of each of the label sequences `found` for each record."""
        rows = torch.tensor([i for i, row in enumerate(found) for _ in row], dtype=torch.long, device=lengths.device)
        answers = [labels for row in found for labels in row]
        width = max(map(len, answers), default=0)
        labels = torch.tensor([one + [0] * (width - len(one)) for one in answers], dtype=torch.long, device=lengths.device)
        n_labels = torch.tensor([len(one) for one in answers], dtype=torch.long, device=lengths.device)
        losses: list[float] = []
        for part in range(0, len(rows), N_SUMMED):
            own, taken = slice(part, part + N_SUMMED), rows[part : part + N_SUMMED]
            of_part = ctc_loss(
                log_probs[taken], lengths[taken], labels.view(len(rows), width)[own], n_labels[own], blank=self.blank
            )
            losses += of_part.losses.tolist()
        left = iter(losses)
        return [[-next(left) for _ in row] for row in found]

    def _named(self, ranked: Sequence[tuple[list[int], float]]) -> list[Alternative]:
        names = self.target.labels
        return [Alternative([names[i] for i in labels], math.exp(log_prob)) for labels, log_prob in ranked]

    def _search(self, log_probs: Tensor, lengths: Tensor, *, n: int) -> list[list[Hypothesis]]:
        return ctc_prefix_beam_search(
            log_probs,
            lengths,
            blank=self.blank,
            beam_width=max(n, self.beam_width),
            prior=self._counted_prior(),
            prior_weight=self.prior_weight,
            insertion_bonus=self.insertion_bonus if self.beam_width > 1 else 0.0,
        )

    def end_epoch(self) -> None:
        """Close the counts after the first pass."""
        if self.counts is not None and self.is_first_pass:
            add_up_processes_(self.counts.counts)
        super().end_epoch()

    def _counted_prior(self) -> LabelPrior | None:
        """Return the prior that the counts make: None without any, before the end of the first pass too."""
        if self._prior is None and self.counts is not None and not self.is_first_pass:
            self._prior = self.counts.prior()
        return self._prior

    def _topology(self, labels: Int[Tensor, "batch label"], n_labels: Int[Tensor, " batch"]) -> Topology:
        return ctc_topology(labels, n_labels, blank=self.blank)
