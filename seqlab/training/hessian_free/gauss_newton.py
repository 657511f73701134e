"""Products with the Gauss-Newton matrix of a labeler's loss (Schraudolph 2002).

The loss is L(z(w), t), where z are the scores of the heads, w all weights, and t the weights that a head uses beside its
scores, such as the transitions of a CRF. With J the Jacobian of (z, t) by w, and H the Hessian of L by (z, t), the matrix is
G = J^T H J.
H is positive semidefinite where the loss is a cross-entropy of all labels or paths (softmax, CRF, semi-Markov); losses that sum
over what is not annotated (CTC, partial tags) are not convex in z, and G may then have negative curvature.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.errors import ConfigError
from seqlab.model.labeler import Labeler
from seqlab.steps import Steps

_SCORE_LAYERS = ("scores", "projection")
"""Names of the module of a head that gives its scores."""


@final
class GaussNewton:
    """Loss, gradient and Gauss-Newton products of one batch, at the weights that the labeler has when this is made.

    J^T is exact. J and H are central differences: the kernels of recurrences and lattices have a hand-written backward pass,
    which cannot be differentiated again. In float32 the products are good to about three digits. Dropout draws the same masks
    in every evaluation.

    Args:
        labeler: The model.
        batch: The records.
        parameters: The weights, in the order of the vectors.
        loss_weights: Weight of each head's loss, 1 by default.

    Raises: ConfigError for a head without scores.
    """

    def __init__(
        self, labeler: Labeler, batch: Batch, parameters: Sequence[nn.Parameter], *, loss_weights: Mapping[str, float]
    ) -> None:
        self.labeler, self.batch, self.parameters, self.loss_weights = labeler, batch, parameters, loss_weights
        self._layers = [_score_layer(head, name=name) for name, head in labeler.heads.items() if head.target in batch]
        inside = {id(weight) for layer in self._layers for weight in layer.parameters()}
        of_heads = {id(weight) for head in labeler.heads.values() for weight in head.parameters()}
        self._beside = [i for i, weight in enumerate(parameters) if id(weight) in of_heads - inside]
        self._weights = [weight.detach().clone() for weight in parameters]
        self._devices = sorted({weight.device for weight in parameters if weight.device.type == "cuda"}, key=str)
        self._random = torch.get_rng_state(), [torch.cuda.get_rng_state(device) for device in self._devices]
        self._scores: list[Tensor] = []
        with self._replaying(), _intercepting(self._layers, self._keep):
            self._steps = labeler(batch)
            loss = self._heads_loss(self._steps)
        self.loss = float(loss.detach())
        """The loss at these weights."""
        self.gradient: Float[Tensor, " weight"] = self._flat(self._gradients([loss], parameters))
        """Its gradient."""

    def product(self, vector: Float[Tensor, " weight"]) -> Float[Tensor, " weight"]:
        """Return G times `vector`."""
        if not bool(vector.any()):
            return torch.zeros_like(vector)
        tangents = self._split(vector)
        size = _step(vector.dtype) / float(vector.norm())
        ahead, behind = (self._scores_at(tangents, sign * size) for sign in (1, -1))
        moved = [(one - other) / (2 * size) for one, other in zip(ahead, behind, strict=True)]
        beside = [tangents[i] for i in self._beside]
        curved = self._curved(moved, beside)
        found = self._gradients(self._scores, self.parameters, curved[: len(moved)])
        for i, one in zip(self._beside, curved[len(moved) :], strict=True):
            found[i] = found[i] + one
        return self._flat(found)

    def loss_at(self, direction: Float[Tensor, " weight"], size: float) -> float:
        """Return the loss at the weights moved by `size` times `direction`."""
        with torch.no_grad(), self._moved(range(len(self.parameters)), self._split(direction), size), self._replaying():
            return float(self._heads_loss(self.labeler(self.batch)))

    def _keep(self, scores: Tensor) -> Tensor:
        self._scores.append(scores)
        return scores

    def _heads_loss(self, steps: Steps) -> Tensor:
        losses = [
            self.loss_weights.get(name, 1.0) * head.loss(steps, self.batch)
            for name, head in self.labeler.heads.items()
            if head.target in self.batch
        ]
        return torch.stack(losses).sum()

    def _scores_at(self, tangents: Sequence[Tensor], size: float) -> list[Tensor]:
        found: list[Tensor] = []

        def keep(scores: Tensor) -> Tensor:
            found.append(scores)
            return scores

        moved, intercepting = self._moved(range(len(tangents)), tangents, size), _intercepting(self._layers, keep)
        with torch.no_grad(), moved, self._replaying(), intercepting:
            self._heads_loss(self.labeler(self.batch))
        return found

    def _curved(self, moved: Sequence[Tensor], beside: Sequence[Tensor]) -> list[Tensor]:
        """Return H times the direction (`moved`, `beside`)."""
        largest = max(float(one.abs().max()) for one in (*moved, *beside) if one.numel())
        if not largest:
            return [torch.zeros_like(one) for one in (*moved, *beside)]
        size = _step(moved[0].dtype) / largest
        ahead, behind = (self._score_gradients(moved, beside, sign * size) for sign in (1, -1))
        return [(one - other) / (2 * size) for one, other in zip(ahead, behind, strict=True)]

    def _score_gradients(self, moved: Sequence[Tensor], beside: Sequence[Tensor], size: float) -> list[Tensor]:
        """Return the gradient of the loss by scores and weights beside them, moved by `size` times the direction."""
        leaves = [(scores.detach() + size * one).requires_grad_() for scores, one in zip(self._scores, moved, strict=True)]
        given = iter(leaves)
        with self._moved(self._beside, beside, size), self._replaying(), _intercepting(self._layers, lambda _: next(given)):
            loss = self._heads_loss(self._steps)
            return self._gradients([loss], [*leaves, *(self.parameters[i] for i in self._beside)])

    def _gradients(
        self, outputs: Sequence[Tensor], inputs: Sequence[Tensor], given: Sequence[Tensor] | None = None
    ) -> list[Tensor]:
        # The graph of the scores is used once for each product.
        found = torch.autograd.grad(outputs, inputs, given, retain_graph=True, allow_unused=True, materialize_grads=True)
        return list(found)

    @contextmanager
    def _moved(self, places: Sequence[int] | range, tangents: Sequence[Tensor], size: float) -> Iterator[None]:
        """Move some weights, and move them back, to the bit."""
        # `.data`: autograd would refuse the kept graph, although the weights are the same when it is used.
        for i, tangent in zip(places, tangents, strict=True):
            self.parameters[i].data.add_(tangent, alpha=size)
        try:
            yield
        finally:
            for i in places:
                self.parameters[i].data.copy_(self._weights[i])

    @contextmanager
    def _replaying(self) -> Iterator[None]:
        """Draw the same random numbers each time, and keep what heads count from what one pass would count."""
        counted = [(one, one.clone()) for head in self.labeler.heads.values() for one in head.buffers()]
        with torch.random.fork_rng(devices=self._devices):
            torch.set_rng_state(self._random[0])
            for device, state in zip(self._devices, self._random[1], strict=True):
                torch.cuda.set_rng_state(state, device)
            yield
        for buffer, before in counted:
            buffer.copy_(before)

    def _split(self, vector: Tensor) -> list[Tensor]:
        parts = vector.split([weight.numel() for weight in self.parameters])
        return [part.view_as(weight) for part, weight in zip(parts, self.parameters, strict=True)]

    def _flat(self, tensors: Sequence[Tensor]) -> Tensor:
        return torch.cat([one.reshape(-1) for one in tensors])


def _step(dtype: torch.dtype) -> float:
    """Return the size of a central difference: its error by rounding is then that by curvature."""
    return float(torch.finfo(dtype).eps ** (1 / 3))


def _score_layer(head: nn.Module, *, name: str) -> nn.Module:
    path: str
    module: nn.Module
    for path, module in head.named_modules():
        if path.rpartition(".")[2] in _SCORE_LAYERS:
            return module
    known = " or ".join(_SCORE_LAYERS)
    raise ConfigError(
        f"heads.{name} is a {type(head).__name__}, which has no module {known}; optimizer=hessian_free needs its scores; "
        "choose another optimizer"
    )


@contextmanager
def _intercepting(layers: Sequence[nn.Module], visit: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Pass the outputs of `layers` through `visit`, in the order of their calls."""
    hooks = [layer.register_forward_hook(lambda _module, _inputs, output: visit(output)) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
