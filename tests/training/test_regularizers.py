from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import seqlab
from seqlab.config.build import build, known_targets
from seqlab.config.compose import compose, plain
from seqlab.errors import ConfigError
from seqlab.functional.recurrence.activations import get_activation
from seqlab.steps import Steps
from seqlab.testing.runs import train_small, write_corpus
from seqlab.training.regularizers import VanishingGradientPenalty, vanishing_penalty

WIDTH = 4


def encoder_of(*overrides: str, width: int = WIDTH) -> nn.Module:
    settings = plain(compose(["paths.run_dir=.", f"encoder.width={width}", *overrides]))["encoder"]
    torch.manual_seed(3)
    made: nn.Module = build(settings, targets=known_targets(), path="encoder", input_width=3)
    return made


def unrolled(inputs: Tensor, weight: Tensor, name: str) -> list[Tensor]:
    """Return h_0 … h_n of h_t = f(x_t + W h_{t-1}) for one record, each a leaf of what follows."""
    activation = get_activation(name)
    states = [torch.zeros(len(weight), dtype=torch.float64)]
    for row in inputs:
        states.append(activation(row + weight @ states[-1]))
    return states


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu", "identity"])
def test_penalty_equals_its_definition(name: str) -> None:
    """Jacobians by autograd, gradients by autograd, the ratio of norms by hand; one record of seven steps, padded to nine."""
    torch.manual_seed(0)
    inputs, outer = torch.randn(7, WIDTH, dtype=torch.float64), torch.randn(7, WIDTH, dtype=torch.float64)
    weight = torch.randn(WIDTH, WIDTH, dtype=torch.float64) * 0.7
    states = unrolled(inputs.requires_grad_(), weight, name)
    loss = sum((states[t + 1] * outer[t]).sum() for t in range(7))
    reached = torch.autograd.grad(loss, states[1:])
    terms = []
    for t in range(1, 7):

        def step(before: Tensor, t: int = t) -> Tensor:
            return get_activation(name)(inputs[t] + weight @ before)

        jacobian = torch.autograd.functional.jacobian(step, states[t])
        terms.append(((reached[t] @ jacobian).norm() / reached[t].norm() - 1) ** 2)
    hidden, direct = torch.zeros(1, 9, 1, WIDTH, dtype=torch.float64), torch.zeros(1, 9, 1, WIDTH, dtype=torch.float64)
    hidden[0, :7, 0], direct[0, :7, 0] = torch.stack(states[1:]).detach(), outer
    found = vanishing_penalty(hidden, direct, weight[None], lengths=torch.tensor([7]), activation=get_activation(name))
    assert found.item() == pytest.approx(sum(terms).item() / 6, rel=1e-10)


def test_its_gradient_is_that_of_the_recurrent_weights_alone() -> None:
    """δ and the states are taken as given: differences of the last product alone give the same."""
    torch.manual_seed(1)
    hidden, direct = torch.tanh(torch.randn(2, 5, 3, WIDTH).double()), torch.randn(2, 5, 3, WIDTH).double()
    weights = torch.randn(2, WIDTH, WIDTH, dtype=torch.float64).requires_grad_()
    lengths = torch.tensor([5, 1, 3])
    tanh = get_activation("tanh")
    penalty = vanishing_penalty(hidden, direct, weights, lengths=lengths, activation=tanh)
    (found,) = torch.autograd.grad(penalty, weights)
    fixed, back, reached = weights.detach(), torch.zeros(2, 3, WIDTH).double(), torch.zeros_like(hidden)
    pushed = torch.zeros_like(hidden)
    for t in reversed(range(5)):
        reached[:, t] = direct[:, t] + back
        pushed[:, t] = reached[:, t] * (1 - hidden[:, t] ** 2)
        back = pushed[:, t] @ fixed

    def value(free: Tensor) -> Tensor:
        ratios = (pushed[:, 1:] @ free[:, None]).norm(dim=-1) / reached[:, 1:].norm(dim=-1)
        is_step = torch.arange(1, 5)[:, None] < lengths
        return ((ratios - 1) ** 2 * is_step).sum() / (2 * is_step.sum())

    free = fixed.clone().requires_grad_()
    (expected,) = torch.autograd.grad(value(free), free)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_penalty_reads_the_run_that_led_to_the_loss() -> None:
    encoder = encoder_of("encoder=rnn", "encoder.output_drop_prob=0").train()
    regularizer = VanishingGradientPenalty(weight=2.0)
    regularizer.attach(encoder)
    values = torch.randn(2, 6, 3)
    lengths = torch.tensor([6, 4])

    def penalty() -> Tensor:
        return regularizer(encoder(Steps(values, lengths)).values.square().sum())

    first = penalty()
    assert first.item() > 0
    assert penalty().item() == first.item()
    first.backward()
    cells = encoder.layers[0].cells
    assert all(cell.weight_hh.grad.any() for cell in cells)
    assert all(cell.weight_ih.grad is None or not cell.weight_ih.grad.any() for cell in cells)
    encoder.eval()
    assert penalty().item() == 0


def test_steps_of_it_bring_the_gradients_near_one_another() -> None:
    encoder = encoder_of("encoder=rnn", "encoder.output_drop_prob=0", "encoder.cell.recurrent_init=glorot", width=8).train()
    with torch.no_grad():
        for cell in encoder.layers[0].cells:
            cell.weight_hh.mul_(0.3)
    regularizer = VanishingGradientPenalty(weight=1.0)
    regularizer.attach(encoder)
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.1)
    steps = Steps(torch.randn(4, 12, 3), torch.full((4,), 12))
    found = []
    for _ in range(60):
        penalty = regularizer(encoder(steps).values[:, -1].sum())
        optimizer.zero_grad()
        penalty.backward()
        optimizer.step()
        found.append(penalty.item())
    assert found[-1] < 0.25 * found[0]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["encoder=lstm"], "for vanilla RNNs, not LstmCell; choose encoder=rnn"),
        (["encoder=rnn", "encoder.cell.hidden_zone_prob=0.1"], "set encoder.cell.hidden_zone_prob=0"),
        (["encoder=rnn", "encoder.bptt_steps=5"], "encoder.bptt_steps=null"),
    ],
)
def test_cells_that_it_is_not_for_are_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        VanishingGradientPenalty(weight=1.0).attach(encoder_of(*overrides))


def test_a_model_without_recurrence_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs a recurrent encoder"):
        VanishingGradientPenalty(weight=1.0).attach(nn.Linear(2, 2))


def test_a_weight_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="weight is 0; expected more than 0"):
        VanishingGradientPenalty(weight=0)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_run_logs_it(tmp_path: Path, precision: str) -> None:
    data = write_corpus(tmp_path / "data")
    run = train_small(
        data, tmp_path / "run", ["encoder=rnn", "regularizer=vanishing_gradients", f"trainer.precision={precision}"]
    )
    (table,) = (run.folder / "csv").rglob("metrics.csv")
    assert "train/penalty" in table.read_text().splitlines()[0]
    assert seqlab.load(run.model)
