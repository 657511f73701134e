from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from seqlab.errors import ConfigError
from seqlab.testing.runs import train_small, write_corpus
from seqlab.training.hessian_free import HessianFree


class Squares:
    """The loss |A w - b|^2 / 2, whose Gauss-Newton matrix is A^T A."""

    def __init__(self, weights: nn.Parameter) -> None:
        generator = torch.Generator().manual_seed(1)
        self.matrix, self.target = (torch.randn(*shape, generator=generator).double() for shape in ((8, 5), (8,)))
        self.weights = weights

    @property
    def loss(self) -> float:
        return self.loss_at(self.weights.detach(), 0.0)

    @property
    def gradient(self) -> Tensor:
        return self.matrix.T @ (self.matrix @ self.weights.detach() - self.target)

    def product(self, vector: Tensor) -> Tensor:
        return self.matrix.T @ (self.matrix @ vector)

    def loss_at(self, direction: Tensor, size: float) -> float:
        return 0.5 * float(((self.matrix @ (self.weights.detach() + size * direction) - self.target) ** 2).sum())


@pytest.mark.parametrize("is_preconditioned", [False, True])
def test_steps_find_the_least_squares(is_preconditioned: bool) -> None:
    weights = nn.Parameter(torch.zeros(5, dtype=torch.float64))
    optimizer, problem = HessianFree([weights], is_preconditioned=is_preconditioned), Squares(weights)
    optimizer.problem_of = lambda: problem
    losses = [optimizer.step(lambda: problem.loss) for _ in range(8)]
    expected = torch.linalg.lstsq(problem.matrix, problem.target).solution
    torch.testing.assert_close(weights.detach(), expected, rtol=1e-2, atol=1e-3)
    assert losses == sorted(losses, reverse=True)
    # the model of a quadratic is exact, so its damping falls at each step
    assert optimizer.state[weights]["damping"] == pytest.approx(1.5**-8)


def test_a_batch_without_targets_leaves_the_weights() -> None:
    weights = nn.Parameter(torch.ones(2))
    assert HessianFree([weights]).step(lambda: None) is None
    assert torch.equal(weights, torch.ones(2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": 0.0}, "optimizer.lr is 0.0; expected a number above 0"),
        ({"damping": -1.0}, "optimizer.damping is -1.0; expected a number above 0"),
        ({"momentum": 1.0}, "optimizer.momentum is 1.0; expected a share from 0 to below 1"),
        ({"max_iterations": 0}, "optimizer.max_iterations is 0; expected at least 1"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        HessianFree([nn.Parameter(torch.ones(2))], **options)  # type: ignore[arg-type]


def test_groups_are_refused() -> None:
    with pytest.raises(ConfigError, match="parameter_groups are not for optimizer=hessian_free"):
        HessianFree([{"params": [nn.Parameter(torch.ones(2))]} for _ in range(2)])


HESSIAN_FREE = ("optimizer=hessian_free", "optimizer.max_iterations=15", "optimizer.damping=0.1")


def test_a_seeded_run_lowers_its_loss(tmp_path: Path) -> None:
    data = write_corpus(tmp_path / "data")
    run = train_small(data, tmp_path / "run", [*HESSIAN_FREE, "trainer.max_epochs=8", "max_tokens=1000", "logger=csv"])
    (table,) = (run.folder / "csv").rglob("metrics.csv")
    head, *rows = (line.split(",") for line in table.read_text(encoding="utf-8").splitlines())
    losses = [float(row[head.index("train/loss")]) for row in rows if row[head.index("train/loss")]]
    assert losses[-1] < 0.5 * losses[0]


def test_a_regularizer_is_refused(tmp_path: Path) -> None:
    data = write_corpus(tmp_path / "data")
    words = ["optimizer=hessian_free", "regularizer=vanishing_gradients", "encoder=rnn"]
    with pytest.raises(ConfigError, match="regularizer is not for optimizer=hessian_free"):
        train_small(data, tmp_path / "run", words)


@pytest.mark.slow
def test_a_run_resumes_to_the_bit(tmp_path: Path) -> None:
    data = write_corpus(tmp_path / "data")
    whole = train_small(data, tmp_path / "whole", [*HESSIAN_FREE, "trainer.max_epochs=2"])
    half = train_small(data, tmp_path / "half", [*HESSIAN_FREE, "trainer.max_epochs=1"])
    checkpoint = half.folder / "checkpoints" / "last.ckpt"
    rest = train_small(data, tmp_path / "rest", [*HESSIAN_FREE, "trainer.max_epochs=2", f"ckpt_path={checkpoint}"])
    assert (rest.model / "weights.safetensors").read_bytes() == (whole.model / "weights.safetensors").read_bytes()
