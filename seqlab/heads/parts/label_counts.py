"""Counts of label n-grams in training, for a prior over label sequences."""

from collections import Counter, defaultdict

import torch
import torch.distributed
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn.functional import pad

from seqlab.errors import ConfigError
from seqlab.functional.alignment import LabelPrior
from seqlab.functional.alignment.prior import END, START
from seqlab.heads.parts.options import check_option

MAX_NUMBERS = 10_000_000
"""Numbers in the table of counts, at most (40 MB)."""


class LabelCounts(nn.Module):
    """Counts of all label n-grams, in sequences with a start added in front and an end behind; saved with the model."""

    counts: Tensor
    """(label or start or end, …), `order` axes: labels 0 to n - 1, the start n, the end n + 1."""

    def __init__(self, *, n_labels: int, order: int) -> None:
        super().__init__()
        check_option(order >= 1, "at least 1, or 0 for no prior", prior_order=order)
        if (n_labels + 2) ** order > MAX_NUMBERS:
            raise ConfigError(f"prior_order is {order}: {n_labels} labels make too many n-grams of that order; lower it")
        self.n_labels, self.order = n_labels, order
        self.register_buffer("counts", torch.zeros([n_labels + 2] * order))

    def add(self, labels: Int[Tensor, "batch label"], sizes: Int[Tensor, " batch"]) -> None:
        """Count the n-grams of label sequences of the given sizes."""
        place = torch.arange(labels.shape[1] + 1, device=labels.device)
        closed = torch.where(place == sizes[:, None], self.n_labels + 1, pad(labels, (0, 1)))
        begun = pad(closed, (self.order - 1, 0), value=self.n_labels)
        grams = begun.unfold(1, self.order, 1)[place <= sizes[:, None]]
        index = torch.zeros(len(grams), dtype=torch.long, device=labels.device)
        for column in grams.T:
            # an n-gram is a number in base n_labels + 2
            index = index * (self.n_labels + 2) + column
        self.counts += torch.bincount(index, minlength=self.counts.numel()).view_as(self.counts)

    def prior(self) -> LabelPrior:
        """Return the smoothed n-gram model of the counts."""
        names = {self.n_labels: START, self.n_labels + 1: END}
        followers: defaultdict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for gram in self.counts.nonzero().tolist():
            count = int(self.counts[tuple(gram)])
            *history, label = (names.get(item, item) for item in gram)
            # shorter histories are counted as well: smoothing falls back on them
            for oldest in range(self.order):
                followers[tuple(history[oldest:])][label] += count
        return LabelPrior(self.order, self.n_labels, dict(followers))


def add_up_processes_(counts: Tensor) -> None:
    """Sum the counts over all training processes, in place; with a single process, do nothing."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(counts)
