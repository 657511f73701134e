"""`Steps`: the one value that flows between embedding, encoders and heads."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqlab.functional.padding import step_mask


@dataclass(frozen=True)
class Steps:
    """Padded features of a batch of sequences, batch first.

    Steps at or beyond a record's length are padding: their values are undefined, and no part may let them reach a real step.
    """

    values: Float[Tensor, "batch time feature"]
    lengths: Int[Tensor, " batch"]
    summary: Float[Tensor, "batch summary"] | None = None
    """One vector a record: last state, root …; None before any encoder."""
    state: Mapping[str, Tensor] | None = None
    """Final recurrent state, for runs that carry it over; None where there is none."""
    n_directions: int = 1
    """Directions of reading whose features stand side by side in `values`, told apart; 1 = merged, or never apart."""
    covers: Int[Tensor, "batch time 2"] | None = None
    """First step of the record that each of these covers and the one after its last, where they are not its own steps one by
    one, as the nodes of a tree; (0, 0) on padding."""

    second: "Steps | None" = None
    """Of records of two sides, the steps of the second ones."""

    @cached_property
    def mask(self) -> Bool[Tensor, "batch time"]:
        """True = real step."""
        return step_mask(self.lengths, self.values.shape[1])

    @cached_property
    def is_full(self) -> bool:
        """Whether no step is known to be padding; on an accelerator nothing is, as asking would make the CPU wait for it."""
        is_known = self.lengths.device.type == "cpu" and len(self.lengths) > 0
        return is_known and int(self.lengths.min()) == self.values.shape[1]

    def with_values(self, values: Tensor, **changes: Any) -> "Steps":
        """Return the same steps with other `values`, merged (and, by name, other `summary` or `state`)."""
        return replace(self, values=values, **{"n_directions": 1, **changes})

    @property
    def directions(self) -> tuple[Float[Tensor, "batch time feature"], ...]:
        """What each direction says about the steps."""
        return self.values.chunk(self.n_directions, dim=2)

    def zero_padded(self) -> "Steps":
        """Return the same steps with zeros for padding: then a product with it is 0, be it in a sum or in a gradient."""
        if self.is_full:
            return self
        return replace(self, values=self.values.masked_fill(~self.mask.unsqueeze(2), 0.0))
