"""The contract of compositions: the state of a node from those of its children, for all nodes of a level at once."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqlab.errors import ConfigError
from seqlab.functional.dropout import bernoulli_mask
from seqlab_recnn.data.forest import Forest, Level
from seqlab_recnn.levels import by_level


class Composition(nn.Module, ABC):
    """States of nodes from the bottom up. Constructed with `input_width` (of a word's vector) and `width` (of a node's).

    A state has `state_width` numbers; the first `width` are the hidden state, which is what an encoder returns.
    """

    width: int
    state_width: int

    def __init__(self, *, input_width: int, width: int, state_width: int) -> None:
        super().__init__()
        if width < 1:
            raise ConfigError(f"encoder.width is {width}; expected at least 1 unit")
        self.input_width, self.width, self.state_width = input_width, width, state_width

    @abstractmethod
    def leaf(self, inputs: Float[Tensor, "leaf feature"]) -> Float[Tensor, "leaf state"]:
        """Return the states of leaves from the vectors of their words."""

    @abstractmethod
    def compose(self, children: Float[Tensor, "edge state"], level: Level) -> Float[Tensor, "node state"]:
        """Return the states of a level's nodes from those of their children, one row an edge."""

    def forward(self, inputs: Float[Tensor, "leaf feature"], forest: Forest) -> Float[Tensor, "row state"]:
        """Return the states of all rows of the forest from the vectors of its words, of the weights' type."""
        return self.states(self.leaf(inputs).to(next(self.parameters()).dtype), forest)

    def states(self, leaves: Float[Tensor, "leaf state"], forest: Forest) -> Float[Tensor, "row state"]:
        """Return the states of all rows of the forest, given those of its leaves."""
        levels = forest.levels()
        reads = [level.children for level in levels]

        def step(children: Tensor, given: Tensor | None, i: int) -> Tensor:
            return self.compose(children, levels[i])

        return by_level(step, leaves, reads=reads, ends=forest.level_ends, inputs=None, module=self)

    def check(self, arity: tuple[int, int]) -> None:
        """Raise ConfigError where the composition does not take nodes of this `arity`: fewest and most children."""

    def extra_repr(self) -> str:
        """Return the widths, for printing the module."""
        return f"{self.input_width}, {self.width}"


class PlaceWeights(nn.Module):
    """Σ_l W_l c_l + b over a node's children, a matrix for each place; children beyond the last place share its matrix."""

    def __init__(self, *, width: int, output_width: int, n_places: int) -> None:
        super().__init__()
        if n_places < 1:
            raise ConfigError(f"encoder.composition.n_places is {n_places}; expected at least 1")
        self.weight = nn.Parameter(torch.empty(n_places, width, output_width))
        for matrix in self.weight.detach():
            nn.init.xavier_uniform_(matrix)
        self.bias = nn.Parameter(torch.zeros(output_width))

    def forward(self, children: Float[Tensor, "edge unit"], level: Level) -> Float[Tensor, "node output"]:
        """Return the sum for each node of the level."""
        n_places, width, output_width = self.weight.shape
        if level.arity == (n_places, n_places):
            # Children stand in order, node after node, so with equal arity a reshape lines them up with the stacked
            # matrices.
            rows = children.reshape(level.n_nodes, n_places * width)
            return torch.addmm(self.bias, rows, self.weight.view(n_places * width, output_width))
        if level.arity[1] == 1:
            return torch.addmm(self.bias, children, self.weight[0])
        sums = self.bias.expand(level.n_nodes, output_width)
        for place in range(min(n_places, level.arity[1])):
            is_here = level.places >= place if place == n_places - 1 else level.places == place
            edges = is_here.nonzero().squeeze(1)
            products = children.index_select(0, edges) @ self.weight[place]
            sums = sums.index_add(0, level.parents.index_select(0, edges), products.to(sums.dtype))
        return sums


def sum_of_children(values: Float[Tensor, "edge unit"], level: Level) -> Float[Tensor, "node unit"]:
    """Return the sum over the children of each node."""
    fewest, most = level.arity
    if fewest == most:
        return values if most == 1 else _sum_of_equal(values.view(level.n_nodes, most, -1))
    return values.new_zeros(level.n_nodes, values.shape[1]).index_add(0, level.parents, values)


def _sum_of_equal(values: Float[Tensor, "node child unit"]) -> Float[Tensor, "node unit"]:
    """Return the sum over children; of two by one addition, which is faster than a reduction."""
    return values[:, 0] + values[:, 1] if values.shape[1] == 2 else values.sum(1)


def of_parents(values: Float[Tensor, "node unit"], level: Level) -> Float[Tensor, "edge unit"]:
    """Return the value of each edge's parent."""
    fewest, most = level.arity
    if fewest == most:
        return values if most == 1 else values.unsqueeze(1).expand(-1, most, -1).reshape(-1, values.shape[1])
    return values.index_select(0, level.parents)


class CandidateDropout(nn.Module):
    """Drops units of a candidate while training, and none of what a cell remembers (Semeniuta et al. 2016)."""

    def __init__(self, drop_prob: float) -> None:
        super().__init__()
        if not 0 <= drop_prob < 1:
            raise ConfigError(f"encoder.composition.recurrent_drop_prob is {drop_prob}; expected at least 0 and below 1")
        self.keep_prob = 1 - drop_prob

    def forward(self, values: Tensor) -> Tensor:
        """Return the values, some of them dropped."""
        mask = self.mask(values, n_rows=len(values), width=values.shape[1])
        return values if mask is None else values * mask

    def mask(self, like: Tensor, *, n_rows: int, width: int) -> Float[Tensor, "row unit"] | None:
        """Return the factors of values, of the type of `like`; None where nothing is dropped."""
        if not self.training or self.keep_prob == 1:
            return None
        kept = bernoulli_mask((n_rows, width), keep_prob=self.keep_prob, like=like)
        return kept.to(like.dtype) / self.keep_prob
