"""Tree-LSTMs (Tai, Socher and Manning 2015): the cell keeps a share of each child's, by a forget gate for each child.

    i, o = sigmoid(·), u = tanh(·), f_l = sigmoid(·), c = i*u + Σ_l f_l*c_l, h = o*tanh(c)

Child-sum (eq. 2-8): i, o and u see Σ_l U h_l, f_l sees U_f h_l. N-ary (eq. 9-14): each gate sees Σ_l U_l h_l, with a matrix
for each place, f_l with matrices for each pair of places. Leaves read the vector of their word, W x; inner nodes read none. No
gate reads a cell.
"""

from abc import abstractmethod
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqlab_recnn.compositions.base import CandidateDropout, Composition, PlaceWeights, sum_of_children
from seqlab_recnn.compositions.compiled import LSTM, is_usable
from seqlab_recnn.compositions.lstm_compiled import states_compiled
from seqlab_recnn.compositions.lstm_levels import LstmWeights, states_of
from seqlab_recnn.data.forest import Forest, Level


class LstmComposition(Composition):
    """States of hidden and cell values side by side. `n_places` places have their own weights; 0: all children share theirs."""

    def __init__(self, *, input_width: int, width: int, n_places: int, recurrent_drop_prob: float) -> None:
        super().__init__(input_width=input_width, width=width, state_width=2 * width)
        self.n_places = n_places
        self.inputs = nn.Linear(input_width, 3 * width)
        self.dropout = CandidateDropout(recurrent_drop_prob)

    def leaf(self, inputs: Float[Tensor, "leaf feature"]) -> Float[Tensor, "leaf state"]:
        """Return the states of leaves: c = i*u."""
        return self._state(self.inputs(inputs), None)

    def compose(self, children: Float[Tensor, "edge state"], level: Level) -> Float[Tensor, "node state"]:
        """Return the states of nodes."""
        hidden, cells = children.split(self.width, 1)
        gates, forget = self._gates(hidden, level)
        return self._state(gates, sum_of_children(forget * cells, level))

    def forward(self, inputs: Float[Tensor, "leaf feature"], forest: Forest) -> Float[Tensor, "row state"]:
        """Return the states of all rows; in compiled C where there is a compiler."""
        weights = self._weights()
        if not is_usable(LSTM, weights.joint, forest):
            return super().forward(inputs, forest)
        mask = self.dropout.mask(weights.joint, n_rows=forest.n_rows, width=self.width)
        products = self.inputs(inputs).to(weights.joint.dtype)
        return states_compiled(forest, products, weights, n_places=self.n_places, mask=mask)

    def states(self, leaves: Float[Tensor, "leaf state"], forest: Forest) -> Float[Tensor, "row state"]:
        """Return the states of all rows, with a backward pass of their own where the forest allows it."""
        if self.n_places and forest.arity != (self.n_places, self.n_places):
            return super().states(leaves, forest)
        return states_of(
            forest,
            leaves,
            self._weights(),
            mask=self.dropout.mask(leaves, n_rows=forest.n_rows - len(leaves), width=self.width),
        )

    @abstractmethod
    def _weights(self) -> LstmWeights:
        """Return the weights of its gates."""

    @abstractmethod
    def _gates(self, hidden: Tensor, level: Level) -> tuple[Float[Tensor, "node gate"], Float[Tensor, "edge unit"]]:
        """Return i, o and u side by side before their activations, and the forget gate of each edge."""

    def _state(self, gates: Tensor, kept: Tensor | None) -> Tensor:
        in_gate, out_gate = torch.sigmoid(gates[:, : 2 * self.width]).chunk(2, 1)
        candidate = self.dropout(torch.tanh(gates[:, 2 * self.width :]))
        cell = in_gate * candidate if kept is None else torch.addcmul(kept, in_gate, candidate)
        return torch.cat([out_gate * torch.tanh(cell), cell], 1)


@final
class ChildSumLstm(LstmComposition):
    """Any number of children, whose order does not matter.

    Args:
        input_width: Features of a word's vector.
        width: Units of a node's hidden state.
        forget_bias: Initial bias of f.
        recurrent_drop_prob: Probability to drop a unit of the candidate while training (Semeniuta et al. 2016), at least 0 and
            below 1.
    """

    def __init__(self, *, input_width: int, width: int, forget_bias: float = 1.0, recurrent_drop_prob: float = 0.0) -> None:
        super().__init__(input_width=input_width, width=width, n_places=0, recurrent_drop_prob=recurrent_drop_prob)
        self.sums = nn.Linear(width, 3 * width)
        self.forget = nn.Linear(width, width)
        for linear in (self.sums, self.forget):
            # Each gate's matrix on its own: an orthogonal matrix of all gates together would not be orthogonal for each.
            for matrix in linear.weight.detach().split(width):
                nn.init.orthogonal_(matrix)
        nn.init.zeros_(self.sums.bias)
        nn.init.constant_(self.forget.bias, forget_bias)

    def _weights(self) -> LstmWeights:
        return LstmWeights(self.sums.weight, self.sums.bias, self.forget.weight, self.forget.bias)

    def _gates(self, hidden: Tensor, level: Level) -> tuple[Tensor, Tensor]:
        return self.sums(sum_of_children(hidden, level)), torch.sigmoid(self.forget(hidden))


@final
class NaryLstm(LstmComposition):
    """Children in their order, with weights for each place.

    Args:
        input_width: Features of a word's vector.
        width: Units of a node's hidden state.
        n_places: Places with weights of their own, at least 1; children beyond share those of the last place.
        forget_bias: Initial bias of f.
        recurrent_drop_prob: Probability to drop a unit of the candidate while training (Semeniuta et al. 2016), at least 0 and
            below 1.
    """

    def __init__(
        self, *, input_width: int, width: int, n_places: int = 2, forget_bias: float = 1.0, recurrent_drop_prob: float = 0.0
    ) -> None:
        super().__init__(input_width=input_width, width=width, n_places=n_places, recurrent_drop_prob=recurrent_drop_prob)
        self.weights = PlaceWeights(width=width, output_width=(3 + n_places) * width, n_places=n_places)
        nn.init.constant_(self.weights.bias.detach()[3 * width :], forget_bias)

    def _weights(self) -> LstmWeights:
        return LstmWeights(self.weights.weight.flatten(0, 1), self.weights.bias, None, None)

    def _gates(self, hidden: Tensor, level: Level) -> tuple[Tensor, Tensor]:
        gates, forget = self.weights(hidden, level).tensor_split([3 * self.width], 1)
        forget = torch.sigmoid(forget).view(level.n_nodes, self.n_places, self.width)
        if level.arity == (self.n_places, self.n_places):
            return gates, forget.flatten(0, 1)
        return gates, forget[level.parents, level.places.clamp(max=self.n_places - 1)]


@final
class SequenceLstm(Composition):
    """An LSTM that reads the hidden states of the children in their order; its last state is the node's.

    Any number of children. A leaf is a sequence of its word alone, read with other weights.

    Args:
        input_width: Features of a word's vector.
        width: Units of a node's hidden state.
        recurrent_drop_prob: Probability to drop a unit of a child's state while training, at least 0 and below 1.
    """

    def __init__(self, *, input_width: int, width: int, recurrent_drop_prob: float = 0.0) -> None:
        super().__init__(input_width=input_width, width=width, state_width=width)
        self.inputs = nn.LSTMCell(input_width, width)
        self.cell = nn.LSTMCell(width, width)
        self.dropout = CandidateDropout(recurrent_drop_prob)

    def leaf(self, inputs: Float[Tensor, "leaf feature"]) -> Float[Tensor, "leaf state"]:
        """Return the state after the word."""
        hidden: Tensor = self.inputs(inputs)[0]
        return hidden

    def compose(self, children: Float[Tensor, "edge state"], level: Level) -> Float[Tensor, "node state"]:
        """Return the state after the last child."""
        children = self.dropout(children)
        hidden = cell = children.new_zeros(level.n_nodes, self.width)
        for place in range(level.arity[1]):
            edges = (level.places == place).nonzero().squeeze(1)
            if len(edges) == level.n_nodes:
                hidden, cell = self.cell(children.index_select(0, edges), (hidden, cell))
                continue
            rows = level.parents.index_select(0, edges)
            before = hidden.index_select(0, rows), cell.index_select(0, rows)
            after = self.cell(children.index_select(0, edges), before)
            hidden, cell = (old.index_copy(0, rows, new.to(old.dtype)) for old, new in zip((hidden, cell), after, strict=True))
        return hidden
