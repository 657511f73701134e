"""The top-down pass, which gives each node the context outside its span, so that a leaf sees the whole sentence.

    o_child = tanh(W_o o_parent + W_l Σ_left h + W_r Σ_right h + b)

The sums run over the siblings to the left and right of the child. This is the inside-outside recursive network of Le and
Zuidema (2014, eq. 2), extended to any number of siblings. The outside vector of the root is a parameter.
"""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqlab_recnn.data.forest import Forest
from seqlab_recnn.levels import by_level


@final
class OutsidePass(nn.Module):
    """Computes outside vectors from inside vectors.

    Args:
        width: Features of both.
    """

    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.siblings = nn.Linear(2 * width, width)
        self.above = nn.Linear(width, width, bias=False)
        self.root = nn.Parameter(torch.zeros(width))
        nn.init.orthogonal_(self.above.weight.detach())

    def forward(self, inside: Float[Tensor, "row unit"], forest: Forest) -> Float[Tensor, "row unit"]:
        """Return the outside vector of each row of the forest."""
        order = forest.downward
        beside = self.siblings(_beside(inside, forest).index_select(0, order.edges))
        roots = self.root.expand(order.ends[0], -1)
        padded = torch.cat([beside.new_zeros(order.ends[0], beside.shape[1]), beside])

        def step(above: Tensor, given: Tensor | None, level: int) -> Tensor:
            assert given is not None
            return torch.tanh(self.above(above) + given)

        found = by_level(step, roots, reads=order.reads, ends=order.ends, inputs=padded, module=self.above)
        return found.index_select(0, order.places)


def _beside(inside: Tensor, forest: Forest) -> Float[Tensor, "edge both"]:
    """Return for each edge the sums of the siblings to its left and to its right, concatenated."""
    # One pass per place of a child, adding all trees at once: `sums` holds each parent's children to the left of that place.
    values = inside.index_select(0, forest.children)
    sums, lefts, order = inside.new_zeros(inside.shape), list[Tensor](), list[Tensor]()
    for place in range(forest.arity[1]):
        edges = (forest.places == place).nonzero().squeeze(1)
        parents = forest.parents.index_select(0, edges)
        lefts.append(sums.index_select(0, parents))
        order.append(edges)
        sums = sums.index_add(0, parents, values.index_select(0, edges))
    if not lefts:
        return torch.cat([values, values], 1)
    left = torch.cat(lefts).index_select(0, torch.cat(order).argsort())
    # All siblings less those to the left and the child itself: a second pass from the right is not needed.
    right = sums.index_select(0, forest.parents) - left - values
    return torch.cat([left, right], 1)
