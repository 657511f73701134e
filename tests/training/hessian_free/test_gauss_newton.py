"""Products with the Gauss-Newton matrix equal the matrix of derivatives that torch takes exactly, on small models."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.autograd.functional import hessian, jacobian
from torch.func import functional_call

import seqlab
from seqlab.data.fields import NO_TARGET
from seqlab.training.hessian_free import GaussNewton

SMALL = (
    *("data.reader.n_train=6", "data.reader.n_val=2", "data.reader.n_test=2", "embedding=[words]"),
    *("embedding.parts.words.width=3", "embedding.parts.words.unknown_alpha=0", "embedding.dropout.variational=0"),
    *("encoder.width=3", "n_threads=1", "seed=1"),
)


def problem(*words: str) -> tuple[GaussNewton, list[nn.Parameter]]:
    module = seqlab.training_parts([*SMALL, *words]).module
    (records,) = module.splits["train"].parts.values()
    weights = [weight for name, weight in module.labeler.named_parameters() if "table" not in name]
    batch = records.batch(np.arange(4))
    return GaussNewton(module.labeler.train(), batch, weights, loss_weights={"tags": 0.5}), weights


def flat(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([one.reshape(-1) for one in tensors])


def test_product_equals_the_matrix_of_a_model_that_torch_differentiates_twice() -> None:
    made, weights = problem(
        "encoder=window", "encoder.drop_prob=0", "encoder.activation=tanh", "head=[softmax]", "heads.tags.is_constrained=false"
    )
    labeler, batch = made.labeler, made.batch
    names = [name for name, weight in labeler.named_parameters() if any(weight is one for one in weights)]
    tags = batch.tensor(labeler.heads["tags"].target)

    def scores(values: Tensor) -> Tensor:
        parts = values.split([weight.numel() for weight in weights])
        own = {name: part.view_as(weight) for name, part, weight in zip(names, parts, weights, strict=True)}
        steps = functional_call(labeler, own, (batch,))
        projection = (own[f"heads.tags.projection.{name}"] for name in ("weight", "bias"))
        return nn.functional.linear(steps.zero_padded().values, *projection).flatten()

    def loss(values: Tensor) -> Tensor:
        shaped = values.view(*tags.shape, -1).transpose(1, 2)
        total = nn.functional.cross_entropy(shaped, tags, ignore_index=NO_TARGET, reduction="sum")
        return 0.5 * total / batch.lengths.sum()

    at = flat([weight.detach() for weight in weights])
    assert made.loss == pytest.approx(loss(scores(at)).item(), rel=1e-5)
    by_weights = jacobian(scores, at)
    matrix = by_weights.T @ hessian(loss, scores(at)) @ by_weights
    vectors = torch.eye(len(at))[::3]
    found = torch.stack([made.product(vector) for vector in vectors])
    torch.testing.assert_close(found, matrix[::3], rtol=2e-3, atol=2e-5)


@pytest.mark.parametrize(
    "words",
    [
        ("encoder=lstm", "encoder.output_drop_prob=0", "head=[crf]"),
        ("encoder=gru", "encoder.output_drop_prob=0", "head=[semi_markov]"),
    ],
)
def test_product_of_kernels_is_symmetric_and_positive_and_leaves_the_model_alone(words: tuple[str, ...]) -> None:
    made, weights = problem(*words)
    before = [weight.detach().clone() for weight in weights]
    one, other = torch.randn(2, made.gradient.numel(), generator=torch.Generator().manual_seed(3)).unbind()
    product = made.product(one)
    assert torch.equal(product, made.product(one))
    assert float(other @ product) == pytest.approx(float(one @ made.product(other)), rel=5e-3)
    assert float(one @ product) > 0
    assert all(torch.equal(weight, kept) for weight, kept in zip(weights, before, strict=True))
    assert made.loss_at(one, 0.0) == made.loss


def test_product_of_transitions_is_their_hessian() -> None:
    # transitions act on the loss without scores between: along them, the matrix is the Hessian of the loss
    made, weights = problem("encoder=lstm", "encoder.output_drop_prob=0", "head=[crf]")
    place = next(i for i, weight in enumerate(weights) if weight is made.labeler.heads["tags"].transitions)
    vector = torch.zeros(made.gradient.numel())
    first = sum(weight.numel() for weight in weights[:place])
    vector[first : first + weights[place].numel()] = torch.linspace(-1, 1, weights[place].numel())
    curvature = (made.loss_at(vector, 0.1) - 2 * made.loss + made.loss_at(vector, -0.1)) / 0.01
    assert float(vector @ made.product(vector)) == pytest.approx(curvature, rel=0.03)


def test_gradient_is_that_of_the_loss() -> None:
    made, weights = problem("encoder=rnn", "encoder.output_drop_prob=0", "head=[crf]")
    loss = 0.5 * made.labeler.losses(made.batch)["tags"]
    loss.backward()
    torch.testing.assert_close(made.gradient, flat([weight.grad for weight in weights if weight.grad is not None]))
