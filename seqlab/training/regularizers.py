"""Penalties on the training loss that depend on what happened inside the model."""

from collections.abc import Sequence
from typing import Any, cast, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqlab.encoders import Cell, RnnCell
from seqlab.encoders.layer import RecurrentLayer
from seqlab.errors import ConfigError
from seqlab.functional.recurrence.activations import Activation


@final
class VanishingGradientPenalty:
    """Pulls the factor by which a gradient's norm changes from one step to the step before towards 1.

    Ω = mean over steps of (|d h_{t+1}/d h_t · δ| / |δ| - 1)², where δ is the gradient of the loss with respect to h_{t+1},
    taken as constant, so that only W is affected (Pascanu, Mikolov and Bengio 2013, eq. 9 and 10; they sum over steps, but with
    a mean `weight` does not depend on lengths). Only for vanilla RNNs: gated cells carry their gradients differently.

    Args:
        weight: Factor of the penalty, above 0.
    """

    def __init__(self, *, weight: float = 1.0) -> None:
        if weight <= 0:
            raise ConfigError(f"regularizers.vanishing_gradients.weight is {weight}; expected more than 0")
        self.weight = weight
        self._runs: list[tuple[Sequence[RnnCell], Tensor, Tensor]] = []
        """For each layer: the cells of its directions, its hidden states (direction time batch hidden), and the lengths."""

    def attach(self, model: nn.Module) -> None:
        """Watch the recurrent layers of `model`.

        Raises: ConfigError if there are none, or any that are not vanilla RNNs.
        """
        layers = [module for module in model.modules() if isinstance(module, RecurrentLayer)]
        if not layers:
            raise ConfigError("regularizer=vanishing_gradients needs a recurrent encoder, such as encoder=rnn")
        for layer in layers:
            _check_cells(layer.cell_of_each, bptt_steps=layer.bptt_steps)
            layer.register_forward_hook(self._keep, with_kwargs=True)

    def __call__(self, loss: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """Return the weighted penalty for the batch of `loss`; 0 in evaluation and without gradients."""
        # Emptied at once, so that the states of one batch never meet the loss of the next.
        runs, self._runs = self._runs, []
        if not runs or not loss.requires_grad:
            return loss.new_zeros(())
        # retain_graph: the trainer runs backward through the same graph afterwards.
        found = torch.autograd.grad(loss, [hidden for _, hidden, _ in runs], retain_graph=True, materialize_grads=True)
        penalties = []
        for (cells, hidden, lengths), gradient in zip(runs, found, strict=True):
            weights, activation = torch.stack([cell.weight_hh for cell in cells]), cells[0].activation
            # As float32, like the weights, which keep it in mixed precision.
            states, gradients = hidden.detach().float(), gradient.float()
            penalties.append(vanishing_penalty(states, gradients, weights, lengths=lengths, activation=activation))
        return self.weight * torch.stack(penalties).mean()

    def _keep(self, layer: nn.Module, inputs: Any, options: dict[str, Any], outputs: tuple[Tensor, Any]) -> None:
        if layer.training and outputs[0].requires_grad:
            cells = cast(Sequence[RnnCell], cast(RecurrentLayer, layer).cell_of_each)  # as `attach` has checked
            self._runs.append((cells, outputs[0], options["lengths"]))


def vanishing_penalty(
    hidden: Float[Tensor, "direction time batch hidden"],
    gradients: Float[Tensor, "direction time batch hidden"],
    weights: Float[Tensor, "direction hidden hidden"],
    *,
    lengths: Int[Tensor, " batch"],
    activation: Activation,
) -> Float[Tensor, ""]:
    """Return Pascanu's Ω for h_t = f(x_t + W h_{t-1}), averaged over the steps that a gradient reaches.

    `gradients` are those of the loss with respect to h_t that do not pass through h_{t+1}. The result is differentiable with
    respect to `weights` only.
    """
    n_steps = hidden.shape[1]
    fixed = weights.detach()
    reached = torch.empty_like(hidden)  # dL / dh_t over all paths
    pushed = torch.empty_like(hidden)  # dL / da_t, where h_t = f(a_t)
    # Backpropagation through time by hand: autograd would also differentiate the path to h_t.
    back = torch.zeros_like(hidden[:, 0])
    slopes = activation.slope(hidden)
    for t in reversed(range(n_steps)):
        reached[:, t] = gradients[:, t] + back
        pushed[:, t] = reached[:, t] * slopes[:, t]
        back = torch.bmm(pushed[:, t], fixed)
    before = torch.bmm(pushed[:, 1:].flatten(1, 2), weights).view_as(pushed[:, 1:])
    norms = torch.linalg.vector_norm(reached[:, 1:], dim=-1)
    is_step = torch.arange(1, n_steps, device=lengths.device)[:, None] < lengths
    is_counted = is_step & (norms > 0)
    # Steps that no gradient reaches would divide 0 by 0; with 1 in place of their norm they give a finite number, which is
    # dropped.
    ratios = torch.linalg.vector_norm(before, dim=-1) / norms.masked_fill(~is_counted, 1.0)
    terms = (ratios - 1).square().masked_fill(~is_counted, 0.0)
    mean: Tensor = terms.sum() / is_counted.sum().clamp(min=1)
    return mean


def _check_cells(cells: Sequence[Cell], *, bptt_steps: int | None) -> None:
    for cell in cells:
        if not isinstance(cell, RnnCell):
            given = f"regularizer=vanishing_gradients is for vanilla RNNs, not {type(cell).__name__}"
            raise ConfigError(f"{given}; choose encoder=rnn, or remove the regularizer")
        if cell.hidden_zone_prob or cell.recurrent_drop_prob or bptt_steps:
            needed = "encoder.cell.hidden_zone_prob=0, encoder.cell.recurrent_drop_prob=0 and encoder.bptt_steps=null"
            raise ConfigError(f"regularizer=vanishing_gradients follows gradients through every step; set {needed}")
