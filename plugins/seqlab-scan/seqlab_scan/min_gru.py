"""The minimal gated recurrent unit."""

from typing import final

from torch import nn

from seqlab_scan.form import GatedForm, check_activation
from seqlab_scan.minimal import MinimalCell


@final
class MinGruCell(MinimalCell):
    """Update gate z and candidate n of the input alone: h_t = (1 - z) h_{t-1} + z n (Feng et al. 2024, §3.1).

    Parameters are laid out (n, z).

    Args:
        input_width: Features of a step that it reads.
        width: Features of h.
        candidate_activation: Function of the candidate: `identity` (§3), `positive` (x + 0.5 where x >= 0, else sigmoid(x):
            appendix B), `tanh`, `sigmoid` or `relu`.
        input_init: How each block of `weight_ih` starts: `glorot`, `he`, `orthogonal`, `identity`, `small`, `uniform`,
            `zeros` or `ones`.
        forget_bias: Initial bias of z is its negative, so that more is kept.
        hidden_zone_prob: Probability that a unit keeps its old value in a step (zoneout), at least 0 and below 1.
        algorithm: How a sequence is run: `auto`, `loop`, `blocks` or `log_space` (positive candidates only).
    """

    def __init__(
        self,
        input_width: int,
        width: int,
        *,
        candidate_activation: str = "identity",
        input_init: str = "glorot",
        forget_bias: float = 1.0,
        hidden_zone_prob: float = 0.0,
        algorithm: str = "auto",
    ) -> None:
        super().__init__(
            input_width,
            form=GatedForm(width, "update", check_activation("candidate_activation", candidate_activation), "state"),
            input_init=input_init,
            hidden_zone_prob=hidden_zone_prob,
            algorithm=algorithm,
        )
        nn.init.constant_(self.bias_ih.detach()[width:], -forget_bias)
