"""Stacked recurrent layers, in one direction or both: padded and masked, never packed.

Packed sequences lose the CPU's LSTM kernel and block export; here the backward direction reads each sequence reversed
within its own length, so that padding comes last in both directions and cannot reach a real step.
"""

from collections.abc import Callable
from typing import final

import torch
from torch import Tensor, nn

from seqlab.directions import last_steps, reverse_steps
from seqlab.dropout import get_dropout
from seqlab.encoders.base import Encoder
from seqlab.errors import ConfigError
from seqlab.steps import Steps


@final
class RecurrentEncoder(Encoder):
    """Layers of `torch.nn` RNNs, LSTMs or GRUs; layer i reads both directions of layer i - 1.

    `layer` makes one layer of one direction from (input width, width), batch first. The summary is the top layer's last
    state, of each direction in its own reading order.
    """

    def __init__(
        self,
        *,
        input_width: int,
        layer: Callable[[int, int], nn.RNNBase],
        width: int,
        depth: int,
        is_bidirectional: bool,
        dropout_kind: str,
        drop_prob: float,
        output_drop_prob: float,
    ) -> None:
        super().__init__()
        if depth < 1:
            raise ConfigError(f"encoder.depth is {depth}; expected at least 1 layer")
        self.width = width
        n_directions = 2 if is_bidirectional else 1
        self.output_width = self.summary_width = n_directions * width
        input_widths = [input_width] + [self.output_width] * (depth - 1)
        self.layers = nn.ModuleList(nn.ModuleList(layer(w, width) for _ in range(n_directions)) for w in input_widths)
        between = [get_dropout(dropout_kind, drop_prob=drop_prob) for _ in range(depth - 1)]
        self.dropouts = nn.ModuleList([*between, get_dropout(dropout_kind, drop_prob=output_drop_prob)])
        for name, parameter in self.layers.named_parameters():
            _initialise(parameter, name=name, width=width)

    def forward(self, steps: Steps) -> Steps:
        """Return the top layer's hidden states."""
        values = steps.zero_padded().values
        for directions, dropout in zip(self.layers, self.dropouts, strict=True):
            values = dropout(_read(directions, values, steps.lengths))  # type: ignore[arg-type]
        return steps.with_values(values, summary=self._summary(values, steps.lengths))

    def _summary(self, values: Tensor, lengths: Tensor) -> Tensor:
        last = last_steps(values[..., : self.width], lengths)
        first = values[:, 0, self.width :] * (lengths > 0).unsqueeze(1)
        return torch.cat([last, first], dim=1)


def _read(directions: nn.ModuleList, values: Tensor, lengths: Tensor) -> Tensor:
    """Return the hidden states of every direction side by side, in the order of the input."""
    outputs = [directions[0](values)[0]]
    if len(directions) > 1:
        outputs.append(reverse_steps(directions[1](reverse_steps(values, lengths))[0], lengths))
    return torch.cat(outputs, dim=2)


def _initialise(parameter: nn.Parameter, *, name: str, width: int) -> None:
    """Glorot input weights, orthogonal recurrent ones, gate by gate; zero biases, but an LSTM's forget gate starts open.

    Source: Jozefowicz et al. 2015, §2.2 for the forget gate; Saxe et al. 2014 for orthogonal weights.
    """
    blocks = parameter.detach().split(width)  # type: ignore[no-untyped-call]
    for i, block in enumerate(blocks):
        if block.ndim == 1:
            is_forget_gate = len(blocks) == 4 and i == 1
            block.fill_(1.0 if is_forget_gate and "bias_ih" in name else 0.0)
        elif "weight_hh" in name:
            nn.init.orthogonal_(block)
        else:
            nn.init.xavier_uniform_(block)
