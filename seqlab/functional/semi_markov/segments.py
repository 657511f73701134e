"""Segmentations as lists and as padded tensors, and the scores of segments that are sums over their steps."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from seqlab.functional.semi_markov.model import SemiMarkov

Segment = tuple[int, int, int]
"""First step, step after the last, and label."""
Segmentation = list[Segment]
"""The segments of one record, in order, with no step between them."""


@dataclass(frozen=True)
class Segments:
    """One segmentation a record. Whatever stands at or beyond a record's count is padding, never read."""

    starts: Int[Tensor, "batch segment"]
    """First steps."""
    ends: Int[Tensor, "batch segment"]
    """Steps after the last."""
    labels: Int[Tensor, "batch segment"]
    counts: Int[Tensor, " batch"]
    """Segments of each record."""

    @classmethod
    def of(cls, segmentations: Sequence[Segmentation], *, device: torch.device | None = None) -> "Segments":
        """Return `segmentations` as tensors, padded with 0."""
        counts = [len(segments) for segments in segmentations]
        n_segments = max(counts, default=0)
        rows = [[*segments, *[(0, 0, 0)] * (n_segments - len(segments))] for segments in segmentations]
        # The view restores the shape of a batch without segments, which a list of empty rows loses.
        padded = torch.tensor(rows, dtype=torch.long, device=device).view(len(counts), n_segments, 3)
        starts, ends, labels = padded.unbind(-1)
        return cls(starts, ends, labels, torch.tensor(counts, dtype=torch.long, device=device))

    @property
    def mask(self) -> Bool[Tensor, "batch segment"]:
        """True = real segment."""
        return torch.arange(self.starts.shape[1], device=self.counts.device) < self.counts[:, None]


def fill_gaps(spans: Iterable[Segment], n_steps: int, *, label: int) -> Segmentation:
    """Return `spans`, in order and without overlap, and each step outside them as a segment of its own with `label`."""
    found: Segmentation = []
    for start, end, own in [*spans, (n_steps, n_steps, label)]:
        found += [(step, step + 1, label) for step in range(found[-1][1] if found else 0, start)]
        found += [(start, end, own)] if start < n_steps else []
    return found


def limit_lengths(
    scores: Float[Tensor, "batch time length label"], max_lengths: Int[Tensor, " label"]
) -> Float[Tensor, "batch time length label"]:
    """Return `scores`, -inf for segments of more steps than `max_lengths` has for their label."""
    n_steps = torch.arange(1, scores.shape[2] + 1, device=scores.device)
    return scores.masked_fill(n_steps[:, None] > max_lengths, -torch.inf)


def probs_of(marginals: Float[Tensor, "batch time length label"], segmentations: Sequence[Segmentation]) -> list[list[float]]:
    """Return the probability of each segment of one segmentation a record."""
    # one lookup for the whole batch; `marginals` has a segment at its last step, by its length - 1
    places = [(i, end - 1, end - start - 1, label) for i, row in enumerate(segmentations) for start, end, label in row]
    index = torch.tensor(places, dtype=torch.long, device=marginals.device).view(-1, 4)
    # rounding may raise a marginal above 1
    probs = iter(marginals[index.unbind(1)].clamp(max=1.0).tolist())
    return [[next(probs) for _ in row] for row in segmentations]


def check_segments(model: SemiMarkov, segments: Segments) -> None:
    """Check that `segments` are segmentations of the records of `model`.

    Raises: ValueError for the first record with a segment that is longer than `model.max_length`, that does not begin
    where the one before ends, that is empty or has no such label; or whose segments do not end with the record.
    """
    is_real, sizes = segments.mask, segments.ends - segments.starts
    _refuse(
        is_real & (sizes > model.max_length),
        sizes,
        f"is {{}} steps long; expected at most max_length, {model.max_length}; split the segment or raise max_length",
    )
    # The slice matters where there are no segments at all, which the pad would make 1 wide.
    begins = pad(segments.ends[:, :-1], (1, 0))[:, : segments.ends.shape[1]]
    _refuse(is_real & (segments.starts != begins), segments.starts, "starts at {}; expected the end of the one before, or 0")
    _refuse(is_real & (sizes < 1), sizes, "is {} steps long; expected at least 1")
    n_labels = len(model.start)
    is_unknown = (segments.labels < 0) | (segments.labels >= n_labels)
    _refuse(is_real & is_unknown, segments.labels, f"has the label {{}}; expected 0 to {n_labels - 1}")
    reached = sizes.masked_fill(~is_real, 0).sum(1)
    for record in (reached != model.lengths).nonzero()[:1, 0].tolist():
        raise ValueError(
            f"the segments of record {record} end at {int(reached[record])}; expected its length, {int(model.lengths[record])}"
        )


def _refuse(is_wrong: Tensor, values: Tensor, complaint: str) -> None:
    for record, place in is_wrong.nonzero()[:1].tolist():
        raise ValueError(f"segment {place} of record {record} {complaint.format(int(values[record, place]))}")


def segment_sums(step_scores: Float[Tensor, "batch time label"], max_length: int) -> Float[Tensor, "batch time length label"]:
    """Return the sums of `step_scores` over the steps of each segment, in their type, float32 at least. Differentiable.

    They are what `SemiMarkov.scores` is given where a segment's score is the sum of its steps', with scores of lengths or
    contents (length label) added as needed. Segments that would begin before step 0 have the sum from step 0 on. Added
    up, not subtracted from one another as sums from step 0 on could be: so nothing cancels, and a -inf stays in its segments.

    Raises: ValueError for a `max_length` below 1.
    """
    if max_length < 1:
        raise ValueError(f"max_length is {max_length}; expected at least 1")
    # Sums of many half-precision scores would round away the smaller ones.
    steps = step_scores.to(torch.promote_types(step_scores.dtype, torch.float32))
    sums = [steps]
    for _ in range(1, max_length):
        sums.append(steps + pad(sums[-1][:, :-1], (0, 0, 1, 0)))
    return torch.stack(sums, 2)
