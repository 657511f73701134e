"""The minimal long short-term memory."""

from typing import final

from torch import nn

from seqlab_scan.form import GatedForm, check_activation
from seqlab_scan.minimal import MinimalCell


@final
class MinLstmCell(MinimalCell):
    """Gates f and i and candidate g of the input alone: h_t = f / (f + i) h_{t-1} + i / (f + i) g (Feng et al. 2024, §3.2).

    There is no output gate and no state but h. Parameters are laid out (g, f, i).

    Args:
        input_width: Features of a step that it reads.
        width: Features of h.
        candidate_activation: Function of the candidate: `identity` (§3), `positive` (x + 0.5 where x >= 0, else sigmoid(x):
            appendix B), `tanh`, `sigmoid` or `relu`.
        input_init: How each block of `weight_ih` starts: `glorot`, `he`, `orthogonal`, `identity`, `small`, `uniform`,
            `zeros` or `ones`.
        forget_bias: Initial bias of f: the larger, the more is kept.
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
            form=GatedForm(width, "normalised", check_activation("candidate_activation", candidate_activation), "state"),
            input_init=input_init,
            hidden_zone_prob=hidden_zone_prob,
            algorithm=algorithm,
        )
        nn.init.constant_(self.bias_ih.detach()[width : 2 * width], forget_bias)
