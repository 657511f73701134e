"""Recursive networks: p = f(W [left; right] + b), with one matrix, one for each production, a tensor, or a maximum."""

from abc import abstractmethod
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqlab.errors import ConfigError
from seqlab.functional.recurrence.activations import get_activation
from seqlab_recnn.compositions.base import CandidateDropout, Composition, PlaceWeights
from seqlab_recnn.compositions.compiled import RECURSIVE, is_usable
from seqlab_recnn.compositions.recursive_compiled import states_compiled
from seqlab_recnn.data.fields import TreeField
from seqlab_recnn.data.forest import Forest, Level


class PlainComposition(Composition):
    """States that are one vector f(·); a leaf's is f(W_x x + b_x)."""

    def __init__(self, *, input_width: int, width: int, activation: str, recurrent_drop_prob: float) -> None:
        super().__init__(input_width=input_width, width=width, state_width=width)
        self.inputs = nn.Linear(input_width, width)
        self.activation = get_activation(activation)
        self.dropout = CandidateDropout(recurrent_drop_prob)

    def leaf(self, inputs: Float[Tensor, "leaf feature"]) -> Float[Tensor, "leaf state"]:
        """Return f(W_x x + b_x)."""
        state: Tensor = self.activation(self.inputs(inputs))
        return state

    def forward(self, inputs: Float[Tensor, "leaf feature"], forest: Forest) -> Float[Tensor, "row state"]:
        """Return the states of all rows; in compiled C where there is a compiler, and for compositions that it knows."""
        weights, biases, n_places = self._kinds()
        if not weights or not is_usable(RECURSIVE, weights[0], forest):
            return super().forward(inputs, forest)
        mask = self.dropout.mask(weights[0], n_rows=forest.n_rows, width=self.width)
        leaves, activation = self.leaf(inputs).to(weights[0].dtype), self.activation
        return states_compiled(
            forest, leaves, weights=weights, biases=biases, n_places=n_places, activation=activation, mask=mask
        )

    def _kinds(self) -> tuple[list[Tensor], list[Tensor], int]:
        """Return weights and biases by kind and the number of places, for `states_compiled`; no weights: not compiled."""
        return [], [], 0

    def compose(self, children: Float[Tensor, "edge state"], level: Level) -> Float[Tensor, "node state"]:
        """Return f of the joint vector that a subclass makes of the children."""
        state: Tensor = self.dropout(self.activation(self._joint(children, level)))
        return state

    @abstractmethod
    def _joint(self, children: Tensor, level: Level) -> Tensor: ...


@final
class RecursiveComposition(PlainComposition):
    """p = f(Σ_l W_l c_l + b), with a matrix for each place (Socher et al. 2011, tied).

    Args:
        input_width: Features of a word's vector.
        width: Units of a node's hidden state.
        n_places: Places with matrices of their own, at least 1; children beyond share that of the last place.
        activation: The function f: `tanh`, `sigmoid`, `relu` or `identity`.
        recurrent_drop_prob: Probability to drop a unit of the candidate while training (Semeniuta et al. 2016), at least 0 and
            below 1.
    """

    def __init__(
        self, *, input_width: int, width: int, n_places: int = 2, activation: str = "tanh", recurrent_drop_prob: float = 0.0
    ) -> None:
        super().__init__(input_width=input_width, width=width, activation=activation, recurrent_drop_prob=recurrent_drop_prob)
        self.weights = PlaceWeights(width=width, output_width=width, n_places=n_places)

    def _kinds(self) -> tuple[list[Tensor], list[Tensor], int]:
        return [self.weights.weight], [self.weights.bias], len(self.weights.weight)

    def _joint(self, children: Tensor, level: Level) -> Tensor:
        joint: Tensor = self.weights(children, level)
        return joint


@final
class UntiedComposition(PlainComposition):
    """p = f(Σ_l W^r_l c_l + b^r), with matrices of the node's production r (syntactically untied; Socher et al. 2013, CVG).

    Rare productions, and those unseen in training, back off to the tied matrices.

    Args:
        input_width: Features of a word's vector.
        width: Units of a node's hidden state.
        tree: The field of the trees, which knows the productions.
        n_places: Places with matrices of their own, at least 1; children beyond share that of the last place.
        activation: The function f: `tanh`, `sigmoid`, `relu` or `identity`.
        recurrent_drop_prob: Probability to drop a unit of the candidate while training (Semeniuta et al. 2016), at least 0 and
            below 1.
    """

    def __init__(
        self,
        *,
        input_width: int,
        width: int,
        tree: TreeField,
        n_places: int = 2,
        activation: str = "tanh",
        recurrent_drop_prob: float = 0.0,
    ) -> None:
        super().__init__(input_width=input_width, width=width, activation=activation, recurrent_drop_prob=recurrent_drop_prob)
        if tree.productions == "none":
            raise ConfigError(
                "encoder.tree.productions is 'none', but matrices are untied by production; set shape, label or rule"
            )
        n_kinds = 1 + len(tree.known)
        self.weights = nn.ModuleList(PlaceWeights(width=width, output_width=width, n_places=n_places) for _ in range(n_kinds))

    def _kinds(self) -> tuple[list[Tensor], list[Tensor], int]:
        each = [one for one in self.weights if isinstance(one, PlaceWeights)]
        return [one.weight for one in each], [one.bias for one in each], len(each[0].weight)

    def _joint(self, children: Tensor, level: Level) -> Tensor:
        return torch.cat([self.weights[g.production](children[g.edges], level.part(g)) for g in level.groups])


@final
class TensorComposition(PlainComposition):
    """p = f(e' V e + W e + b), e = [left; right] (recursive neural tensor network; Socher et al. 2013).

    Binary trees; right = 0 below a node with one child.

    Args:
        input_width: Features of a word's vector.
        width: Units of a node's hidden state.
        activation: The function f: `tanh`, `sigmoid`, `relu` or `identity`.
        recurrent_drop_prob: Probability to drop a unit of the candidate while training (Semeniuta et al. 2016), at least 0 and
            below 1.
    """

    def __init__(self, *, input_width: int, width: int, activation: str = "tanh", recurrent_drop_prob: float = 0.0) -> None:
        super().__init__(input_width=input_width, width=width, activation=activation, recurrent_drop_prob=recurrent_drop_prob)
        self.weights = PlaceWeights(width=width, output_width=width, n_places=2)
        self.tensor = nn.Parameter(torch.empty(2 * width, width, 2 * width).uniform_(-1, 1) / (4 * width))

    def check(self, arity: tuple[int, int]) -> None:
        """Raise ConfigError for nodes of more than two children."""
        if arity[1] > 2:
            raise ConfigError(
                f"a tree has a node of {arity[1]} children, and the tensor takes two; set encoder.tree.trees.binarize=right"
            )

    def _joint(self, children: Tensor, level: Level) -> Tensor:
        pairs = children
        if level.arity != (2, 2):
            rows = 2 * level.parents + level.places
            pairs = children.new_zeros(2 * level.n_nodes, self.width).index_copy(0, rows, children)
        pairs = pairs.reshape(level.n_nodes, 2 * self.width)
        products = (pairs @ self.tensor.flatten(1)).view(level.n_nodes, self.width, 2 * self.width)
        joint: Tensor = self.weights(children, level) + torch.bmm(products, pairs.unsqueeze(2)).squeeze(2)
        return joint


@final
class MaxComposition(PlainComposition):
    """p = f(W max_l c_l + b), the maximum of each unit over any number of children.

    Args:
        input_width: Features of a word's vector.
        width: Units of a node's hidden state.
        activation: The function f: `tanh`, `sigmoid`, `relu` or `identity`.
        recurrent_drop_prob: Probability to drop a unit of the candidate while training (Semeniuta et al. 2016), at least 0 and
            below 1.
    """

    def __init__(self, *, input_width: int, width: int, activation: str = "tanh", recurrent_drop_prob: float = 0.0) -> None:
        super().__init__(input_width=input_width, width=width, activation=activation, recurrent_drop_prob=recurrent_drop_prob)
        self.linear = nn.Linear(width, width)

    def _kinds(self) -> tuple[list[Tensor], list[Tensor], int]:
        return [self.linear.weight], [self.linear.bias], 0

    def _joint(self, children: Tensor, level: Level) -> Tensor:
        fewest, most = level.arity
        if fewest == most:
            top = children.view(level.n_nodes, most, -1).amax(1)
        else:
            rows = level.parents.unsqueeze(1).expand_as(children)
            low = children.new_full((level.n_nodes, children.shape[1]), -torch.inf)
            top = low.scatter_reduce(0, rows, children, "amax", include_self=False)
        joint: Tensor = self.linear(top)
        return joint
