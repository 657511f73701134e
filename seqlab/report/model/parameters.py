"""Count the parameters of a model."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import nn

from seqlab.encoders import Cell

_VECTORS = "matrix"
"""Name of the buffer with pretrained vectors: read rather than trained, and stored apart from the weights."""


class ParameterRow(NamedTuple):
    """Parameters of one module, without those of its submodules (a cell counts as a whole)."""

    name: str
    """Path in the model, such as `encoder.layers.0.cells.1`."""
    kind: str
    """Name of its class."""
    n_input: int
    """Weights applied to the input; 0 for all but cells."""
    n_recurrent: int
    """Weights applied to the cell's own state; 0 for all but cells."""
    n_other: int
    """All others: embedding tables, biases, gains, linear maps."""
    n_frozen: int
    """Parameters that training does not change; counted only here."""

    @property
    def n_total(self) -> int:
        """Number of trained parameters."""
        return self.n_input + self.n_recurrent + self.n_other


def parameter_rows(model: nn.Module) -> list[ParameterRow]:
    """Return a row for each module with parameters of its own, in model order."""
    return [row for row in _rows(model, "") if row.n_total or row.n_frozen]


def _rows(module: nn.Module, name: str) -> Iterator[ParameterRow]:
    own = dict(module.named_parameters(recurse=isinstance(module, Cell)))
    counts = {key: parameter.numel() for key, parameter in own.items() if parameter.requires_grad}
    n_input = counts.get("weight_ih", 0)
    n_recurrent = sum(counts.get(key, 0) for key in ("weight_hh", "weight_co", "peepholes"))
    # Buffers outside the state dict are caches, not part of the model.
    stored = module.state_dict()
    buffers = sum(b.numel() for key, b in module.named_buffers(recurse=False) if key in stored or key == _VECTORS)
    yield ParameterRow(
        name=name,
        kind=type(module).__name__,
        n_input=n_input,
        n_recurrent=n_recurrent,
        n_other=sum(counts.values()) - n_input - n_recurrent,
        n_frozen=sum(p.numel() for p in own.values() if not p.requires_grad) + buffers,
    )
    # A cell counted its submodules already.
    if not isinstance(module, Cell):
        for key, child in module.named_children():
            yield from _rows(child, f"{name}.{key}".lstrip("."))
