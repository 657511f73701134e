"""Ragged records for testing encoders and heads, with various padding."""

from collections.abc import Sequence

import torch

from seqlab.steps import Steps

LENGTHS = (4, 1, 0, 6, 2)
"""Number of steps of each record, as in `labelled_columns`."""
PADDINGS = (1e4, -1e4, float("nan"), float("inf"))
"""Padding values that must not affect real steps."""


def ragged_steps(width: int, *, lengths: Sequence[int] = LENGTHS, summary_width: int | None = None) -> Steps:
    """Return random steps for records of `lengths` (at least one step wide), padded with zeros."""
    # A generator of its own, so that steps do not depend on what was drawn before.
    random = torch.Generator().manual_seed(7)
    values = torch.randn(len(lengths), max(1, *lengths), width, generator=random)
    summary = torch.randn(len(lengths), summary_width, generator=random) if summary_width else None
    return padded_with(Steps(values, torch.tensor(lengths), summary=summary), 0.0)


def padded_with(steps: Steps, padding: float, *, n_more: int = 0) -> Steps:
    """Return the same steps with every padding value replaced by `padding`, and `n_more` padding steps at the end."""
    n_records, _, width = steps.values.shape
    more = torch.full((n_records, n_more, width), padding)
    values = steps.values.masked_fill(~steps.mask.unsqueeze(2), padding)
    second = None if steps.second is None else padded_with(steps.second, padding, n_more=n_more)
    return steps.with_values(torch.cat([values, more], dim=1), second=second)


def chosen(steps: Steps, rows: list[int]) -> Steps:
    """Return some records in a batch of their own, without needless padding."""
    n_steps = max(1, *(int(steps.lengths[i]) for i in rows))
    summary = None if steps.summary is None else steps.summary[rows]
    second = None if steps.second is None else chosen(steps.second, rows)
    return Steps(steps.values[rows, :n_steps], steps.lengths[rows], summary=summary, second=second)
