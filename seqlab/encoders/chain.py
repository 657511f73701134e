"""Encoders in a chain, and simple ones to begin or end a chain with."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import final

import torch
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.encoders.base import Encoder
from seqlab.errors import ConfigError
from seqlab.functional.recurrence.activations import get_activation
from seqlab.functional.widths import Linear, check_width
from seqlab.steps import Steps


@final
class ChainEncoder(Encoder):
    """Runs its parts one after the other; the summary is that of the last part.

    Args:
        input_width: Features of a step that the first part reads.
        parts: Constructors of at least one encoder by name, in their order; each is called with `input_width`.
    """

    def __init__(self, input_width: int, *, parts: Mapping[str, Callable[..., Encoder]]) -> None:
        super().__init__()
        if not parts:
            raise ConfigError("encoder.parts is empty; expected at least one encoder")
        self.parts = nn.ModuleDict()
        for name, make in parts.items():
            part = make(input_width=input_width)
            self.parts[name] = part
            input_width = part.output_width
            self.keeps_steps = self.keeps_steps and part.keeps_steps
        self.output_width, self.summary_width = part.output_width, part.summary_width

    def forward(self, steps: Steps) -> Steps:
        """Return what the last part makes of the steps; states are those of each part, named `part.state`."""
        return self._run(steps, lambda part, steps: part(steps))

    def encode(self, steps: Steps, batch: Batch) -> Steps:
        """Return what the last part makes of the steps, each part having read of `batch` what it needs."""
        return self._run(steps, lambda part, steps: part.encode(steps, batch))

    def _run(self, steps: Steps, encode: Callable[[Encoder, Steps], Steps]) -> Steps:
        given = steps.state or {}
        last: dict[str, Tensor] = {}
        for name, part in self.parts.items():
            assert isinstance(part, Encoder)
            own = {key.removeprefix(f"{name}."): value for key, value in given.items() if key.startswith(f"{name}.")}
            steps = encode(part, replace(steps, state=own or None))
            last |= {f"{name}.{key}": value for key, value in (steps.state or {}).items()}
        return replace(steps, state=last or None)


@final
class OutputEncoder(Encoder):
    """o_t = g(V s_t + b) for every step; of two directions, o_t = g(V s_t + V' s'_t + b).

    Args:
        input_width: Features of a step that it reads.
        width: Features of o.
        activation: The function g: `tanh`, `sigmoid`, `relu` or `identity`.
    """

    def __init__(self, input_width: int, width: int = 100, *, activation: str = "tanh") -> None:
        super().__init__()
        self.linear = Linear(input_width, width)
        self.activation = get_activation(activation)
        self.output_width = self.summary_width = width

    def forward(self, steps: Steps) -> Steps:
        """Return o_t; the summary is their mean (zeros for an empty record)."""
        outputs = steps.with_values(self.activation(self.linear(steps.zero_padded().values)))
        total = outputs.zero_padded().values.sum(1)
        return outputs.with_values(outputs.values, summary=total / steps.lengths.clamp(min=1).unsqueeze(1))


@final
class WindowEncoder(Encoder):
    """A multilayer perceptron over a window of steps around each step.

    The baseline without memory (Sejnowski and Rosenberg 1987; Collobert et al. 2011, §3.3.1). Outside the record all is zero.
    The summary is the maximum over the steps (zeros for an empty record).

    Args:
        input_width: Features of a step that it reads.
        width: Units of each layer.
        window: Steps that the first layer sees, the labelled one in their middle; odd.
        depth: Number of layers, at least 1.
        activation: Function of each layer: `tanh`, `sigmoid`, `relu` or `identity`.
        drop_prob: Dropout after each layer, at least 0 and below 1.
    """

    def __init__(
        self,
        input_width: int,
        width: int = 300,
        *,
        window: int = 5,
        depth: int = 1,
        activation: str = "relu",
        drop_prob: float = 0.5,
    ) -> None:
        super().__init__()
        if window < 1 or window % 2 == 0:
            raise ConfigError(f"encoder.window is {window}; expected an odd number of steps, so that one is in the middle")
        if depth < 1:
            raise ConfigError(f"encoder.depth is {depth}; expected at least 1 layer")
        self.first = nn.Conv1d(input_width, width, window, padding=window // 2)
        self.others = nn.ModuleList(nn.Linear(width, width) for _ in range(depth - 1))
        self.activation = get_activation(activation)
        self.dropout = nn.Dropout(drop_prob)
        self.output_width = self.summary_width = width

    def forward(self, steps: Steps) -> Steps:
        """Return the top layer's values."""
        check_width(steps.values, self.first.in_channels, layer=type(self).__name__)
        values = self.first(steps.zero_padded().values.mT).mT
        values = self.dropout(self.activation(values))
        for linear in self.others:
            values = self.dropout(self.activation(linear(values)))
        top = values.masked_fill(~steps.mask.unsqueeze(2), -torch.inf).amax(1)
        return steps.with_values(values, summary=torch.where((steps.lengths > 0).unsqueeze(1), top, 0.0))
