"""Recurrent dropout and zoneout: drawn while training, their mean in evaluation."""

from dataclasses import dataclass
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.functional.native.arrays import Shape
from seqlab.functional.recurrence.buffers import buffer_from, product_plus, steps_of

ARGUMENTS = "Tensor? mask, Tensor? hidden_zone, Tensor? cell_zone, float? hidden_prob, float? cell_prob"
"""The parts of a noise in the schema of an operator."""


@final
@dataclass(frozen=True)
class Noise:
    """Noise of one run of a recurrence; None = none."""

    recurrent: Tensor | None = None
    """Factor of h_{t-1} before W, the same in every step: (direction batch hidden)."""
    hidden_zone: Tensor | float | None = None
    """Share of h_{t-1} that stays in h_t (zoneout, Krueger et al. 2017): (direction time batch hidden) or one number."""
    cell_zone: Tensor | float | None = None
    """Share of c_{t-1} that stays in c_t."""

    @classmethod
    def of(cls, recurrent: Tensor | None, *zones: Any) -> "Noise":
        """Return the noise that has these `parts`."""
        hidden, cell, hidden_prob, cell_prob = zones
        return cls(recurrent, hidden_prob if hidden is None else hidden, cell_prob if cell is None else cell)

    @property
    def parts(self) -> tuple[Tensor | float | None, ...]:
        """The tensors, then the numbers that stand for zones, as operators take them."""
        zones = self.hidden_zone, self.cell_zone
        tensors = [zone if isinstance(zone, Tensor) else None for zone in zones]
        numbers = [None if isinstance(zone, Tensor) else zone for zone in zones]
        return self.recurrent, *tensors, *numbers

    def arrays(self, lead: Shape, *, width: int) -> dict[str, tuple[object, Shape]]:
        """Return what acts on h, each part with the shape that a run over inputs of (direction, time, batch) reads."""
        zone = *lead, width
        return {"noise.recurrent": (self.recurrent, (lead[0], lead[2], width)), "noise.hidden_zone": (self.hidden_zone, zone)}

    def at(self, direction: int, t: int) -> "Noise":
        """Return the noise of step `t` of one direction."""

        def part(zone: Tensor | float | None) -> Tensor | float | None:
            return zone[direction, t] if isinstance(zone, Tensor) else zone

        recurrent = None if self.recurrent is None else self.recurrent[direction]
        return Noise(recurrent, part(self.hidden_zone), part(self.cell_zone))

    def read_states(self, states: Tensor) -> Tensor:
        """Return a buffer for the states as W reads them, the first step filled in; `states` themselves without noise."""
        return states if self.recurrent is None else buffer_from(states[:, 0] * self.recurrent, states.shape[1] - 1)

    def read(self, hidden: Tensor) -> Tensor:
        """Return h_{t-1} as W reads it."""
        return hidden if self.recurrent is None else hidden * self.recurrent

    def mixed_hidden(self, fresh: Tensor, old: Tensor) -> Tensor:
        """Return h_t: the fresh one mixed with the old one."""
        return _mixed(fresh, old, self.hidden_zone)

    def mixed_cell(self, fresh: Tensor, old: Tensor) -> Tensor:
        """Return c_t: the fresh one mixed with the old one."""
        return _mixed(fresh, old, self.cell_zone)

    def hidden_zones(self, states: Float[Tensor, "direction state batch hidden"]) -> list[Tensor | None]:
        """Return the share of h_{t-1} that each step keeps; None where nothing is kept. `states` includes the initial one."""
        return _zones(self.hidden_zone, states)

    def cell_zones(self, states: Float[Tensor, "direction state batch feature"]) -> list[Tensor | None]:
        """Return the share of c_{t-1} that each step keeps; None where nothing is kept."""
        return _zones(self.cell_zone, states)

    def state_backward(self, d_product: Tensor, weight: Tensor, kept: Tensor | None, before: Tensor | None) -> Tensor:
        """Return the gradient of h_{t-1}: by way of W, plus what zoneout kept and that of h_{t-1} as an output, None = 0."""
        # The usual case adds inside the matrix product: one call instead of two.
        if self.recurrent is None and kept is None:
            return product_plus(before, d_product, weight)
        return self.read_backward(torch.bmm(d_product, weight), kept, before)

    def read_backward(self, d_read: Tensor, *others: Tensor | None) -> Tensor:
        """Return the gradient of h_{t-1}: through W, plus all `others` that are not None."""
        d_hidden = d_read if self.recurrent is None else d_read * self.recurrent
        for other in others:
            d_hidden = d_hidden if other is None else d_hidden + other
        return d_hidden


def _mixed(fresh: Tensor, old: Tensor, zone: Tensor | float | None) -> Tensor:
    # A step from the fresh state towards the old one, which needs no 1 - zone.
    return fresh if zone is None else fresh + zone * (old - fresh)


def _zones(zone: Tensor | float | None, states: Tensor) -> list[Tensor | None]:
    if isinstance(zone, Tensor):
        return list(steps_of(zone))
    return [None if zone is None else states.new_tensor(zone)] * (states.shape[1] - 1)


def split_kept(gradient: Tensor, zone: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return the gradients of the new state, and of the old state that zoneout kept in its place (None: nothing kept)."""
    if zone is None:
        return gradient, None
    kept = gradient * zone
    # The shares add up to 1, so the rest needs no second product.
    return gradient - kept, kept
