"""What disturbs a recurrence while training, and its mean in evaluation."""

from dataclasses import dataclass
from typing import final

from jaxtyping import Float
from torch import Tensor

from seqlab.functional.recurrence.buffers import buffer_from, steps_of


@final
@dataclass(frozen=True)
class Noise:
    """What disturbs a recurrence while training; None = nothing."""

    recurrent: Tensor | None = None
    """What h_{t-1} is multiplied with before W, the same in every step: (direction batch hidden)."""
    hidden_zone: Tensor | float | None = None
    """Share of h_{t-1} that stays in h_t (zoneout, Krueger et al. 2017): (direction time batch hidden) or one number."""
    cell_zone: Tensor | float | None = None
    """Share of c_{t-1} that stays in c_t."""

    def at(self, direction: int, t: int) -> "Noise":
        """Return what disturbs step `t` of one direction."""

        def part(zone: Tensor | float | None) -> Tensor | float | None:
            return zone[direction, t] if isinstance(zone, Tensor) else zone

        recurrent = None if self.recurrent is None else self.recurrent[direction]
        return Noise(recurrent, part(self.hidden_zone), part(self.cell_zone))

    def read_states(self, states: Tensor) -> Tensor:
        """Return room for what W reads of `states`, the first step filled in; `states` themselves where undisturbed."""
        return states if self.recurrent is None else buffer_from(states[:, 0] * self.recurrent, states.shape[1] - 1)

    def read(self, hidden: Tensor) -> Tensor:
        """Return h_{t-1} as W reads it."""
        return hidden if self.recurrent is None else hidden * self.recurrent

    def mixed_hidden(self, fresh: Tensor, old: Tensor) -> Tensor:
        """Return h_t of a step: the fresh one, with what stays of the old one."""
        return _mixed(fresh, old, self.hidden_zone)

    def mixed_cell(self, fresh: Tensor, old: Tensor) -> Tensor:
        """Return c_t of a step: the fresh one, with what stays of the old one."""
        return _mixed(fresh, old, self.cell_zone)

    def hidden_zones(self, states: Float[Tensor, "direction state batch hidden"]) -> list[Tensor] | None:
        """Return what share of h_{t-1} each step keeps; None where nothing is kept. `states` has the initial one, too."""
        return _zones(self.hidden_zone, states)

    def cell_zones(self, states: Float[Tensor, "direction state batch feature"]) -> list[Tensor] | None:
        """Return what share of c_{t-1} each step keeps; None where nothing is kept."""
        return _zones(self.cell_zone, states)

    def read_backward(self, d_read: Tensor, *others: Tensor | None) -> Tensor:
        """Return the gradient of h_{t-1}: by way of what W reads, plus all `others` that are not None."""
        d_hidden = d_read if self.recurrent is None else d_read * self.recurrent
        for other in others:
            d_hidden = d_hidden if other is None else d_hidden + other
        return d_hidden


def _mixed(fresh: Tensor, old: Tensor, zone: Tensor | float | None) -> Tensor:
    return fresh if zone is None else fresh + zone * (old - fresh)


def _zones(zone: Tensor | float | None, states: Tensor) -> list[Tensor] | None:
    if zone is None or isinstance(zone, Tensor):
        return None if zone is None else steps_of(zone)
    return [states.new_tensor(zone)] * (states.shape[1] - 1)
