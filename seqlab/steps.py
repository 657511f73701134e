"""`Steps`, the value that embeddings, encoders and heads exchange."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqlab.functional.padding import checked_lengths, step_mask


@dataclass(frozen=True)
class Steps:
    """Padded features of a batch of sequences, batch first.

    Steps at or beyond the length of a record are padding: their values are undefined, and must not influence real steps.
    """

    values: Float[Tensor, "batch time feature"]
    lengths: Int[Tensor, " batch"]
    summary: Float[Tensor, "batch summary"] | None = None
    """One vector per record, such as the last state or the root; None before any encoder."""
    state: Mapping[str, Tensor] | None = None
    """Final recurrent state, for callers that continue from it; None if there is no such state."""
    n_directions: int = 1
    """Number of directions whose features are concatenated in `values`; 1 if they are merged, or there is one only."""
    covers: Int[Tensor, "batch time 2"] | None = None
    """(start, end) of the record's steps that each step covers, end exclusive, such as for the nodes of a tree; (0, 0) for
    padding. None if these are the steps of the record."""

    second: "Steps | None" = None
    """The steps of the second sides of pairs, else None."""

    @property
    def mask(self) -> Bool[Tensor, "batch time"]:
        """True for real steps."""
        # A program that is being captured cannot look into a cached property.
        return step_mask(self.lengths, self.values.shape[1]) if torch.compiler.is_compiling() else self._cached_mask

    @property
    def is_full(self) -> bool:
        """Whether it is known that no step is padding.

        False on accelerators, where the answer would make the CPU wait, and in captured programs, which hold for any lengths.

        Raises: ConfigError for lengths below 0 or beyond the padding, where the answer is known.
        """
        return not torch.compiler.is_compiling() and self._cached_is_full

    @cached_property
    def _cached_mask(self) -> Tensor:
        _ = self.is_full  # checks the lengths
        return step_mask(self.lengths, self.values.shape[1])

    @cached_property
    def _cached_is_full(self) -> bool:
        # On an accelerator a look at the lengths would wait for all queued work.
        if self.lengths.device.type != "cpu":
            return False
        return checked_lengths(self.lengths, (self.values.shape[0], self.values.shape[1]), self.lengths.device)[1]

    def with_values(self, values: Tensor, **changes: Any) -> "Steps":
        """Return the steps with other `values` of one direction, and other fields by name."""
        return replace(self, values=values, **{"n_directions": 1, **changes})

    @property
    def directions(self) -> tuple[Float[Tensor, "batch time feature"], ...]:
        """Features of each direction."""
        return self.values.chunk(self.n_directions, dim=2)

    def zero_padded(self) -> "Steps":
        """Return the steps with zeros for padding, so that padding adds 0 to sums and gradients."""
        if self.is_full:
            return self
        return replace(self, values=self.values.masked_fill(~self.mask.unsqueeze(2), 0.0))


# So steps are arguments and results of exported programs, and of everything else that torch flattens.
torch.export.register_dataclass(Steps, serialized_type_name="seqlab.Steps")
# A saved program has its example inputs, which torch else reads with a warning.
torch.serialization.add_safe_globals([Steps])
