"""Tree-GRU (Kokkinos and Potamianos 2017, child-sum): z sees the children's sum, r_l each child.

    z = sigmoid(Σ_l U_z h_l + b_z), r_l = sigmoid(U_r h_l + b_r), n = tanh(U_n Σ_l r_l*h_l + b_n), h = (1-z)*n + z*Σ_l h_l

A leaf sees its word instead: z = sigmoid(W_z x + b), n = tanh(W_n x + b), h = (1-z)*n.
"""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqlab_recnn.compositions.base import CandidateDropout, Composition, sum_of_children
from seqlab_recnn.data.forest import Level


@final
class ChildSumGru(Composition):
    """Any number of children, whose order does not matter.

    Args:
        input_width: Features of a word's vector.
        width: Units of a node's hidden state.
        is_mean: Whether z keeps the children's mean instead of their sum, which grows with the size of the tree.
        recurrent_drop_prob: Probability to drop a unit of the candidate while training (Semeniuta et al. 2016), at least 0 and
            below 1.
    """

    def __init__(self, *, input_width: int, width: int, is_mean: bool = False, recurrent_drop_prob: float = 0.0) -> None:
        super().__init__(input_width=input_width, width=width, state_width=width)
        self.inputs = nn.Linear(input_width, 2 * width)
        self.reset, self.update, self.candidate = (nn.Linear(width, width) for _ in range(3))
        for linear in (self.reset, self.update, self.candidate):
            nn.init.orthogonal_(linear.weight.detach())
            nn.init.zeros_(linear.bias)
        self.is_mean = is_mean
        self.dropout = CandidateDropout(recurrent_drop_prob)

    def leaf(self, inputs: Float[Tensor, "leaf feature"]) -> Float[Tensor, "leaf state"]:
        """Return (1-z)*n."""
        update, candidate = self.inputs(inputs).chunk(2, 1)
        # sigmoid(-x) is 1 - sigmoid(x), without cancellation where the gate is near 1.
        state: Tensor = torch.sigmoid(-update) * self.dropout(torch.tanh(candidate))
        return state

    def compose(self, children: Float[Tensor, "edge state"], level: Level) -> Float[Tensor, "node state"]:
        """Return the states of nodes."""
        joint = sum_of_children(children, level)
        if self.is_mean:
            counts = torch.bincount(level.parents, minlength=level.n_nodes).to(joint.dtype)
            joint = joint / counts.unsqueeze(1)
        update = torch.sigmoid(self.update(joint))
        seen = sum_of_children(torch.sigmoid(self.reset(children)) * children, level)
        candidate = self.dropout(torch.tanh(self.candidate(seen)))
        state: Tensor = torch.lerp(candidate, joint, update)
        return state
