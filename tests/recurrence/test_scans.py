"""Every scan equals a reference that takes one record through the equations, in values and in all gradients."""

import itertools
from collections.abc import Callable
from dataclasses import fields

import pytest
import torch
from torch import Tensor

from seqlab.errors import ConfigError
from seqlab.recurrence import buffers
from seqlab.recurrence.activations import ACTIVATIONS, get_activation
from seqlab.recurrence.gru import scan_gru
from seqlab.recurrence.gru_loop import GruForm
from seqlab.recurrence.lstm import scan_lstm
from seqlab.recurrence.lstm_form import LstmForm, LstmWeights
from seqlab.recurrence.noise import Noise
from seqlab.recurrence.rnn import scan_rnn

N_DIRECTIONS, N_STEPS, N_RECORDS = 2, 4, 3
PLAIN = {"tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu": torch.relu, "identity": lambda x: x}


def random(*shape: int) -> Tensor:
    return (torch.randn(*shape, dtype=torch.double) / 2).requires_grad_()  # small, so that no activation explodes


def noises(hidden_width: int, cell_width: int) -> dict[str, Noise]:
    lead = (N_DIRECTIONS, N_STEPS, N_RECORDS)
    mask = (torch.rand(N_DIRECTIONS, N_RECORDS, hidden_width) < 0.5).double() * 2
    drawn = [(torch.rand(*lead, width) < 0.3).double() for width in (hidden_width, cell_width)]
    return {"quiet": Noise(), "drawn": Noise(mask, *drawn), "mean": Noise(None, 0.1, 0.2)}


def layer_norm(x: Tensor, epsilon: float) -> Tensor:
    return (x - x.mean()) / torch.sqrt(((x - x.mean()) ** 2).mean() + epsilon)


def share(zone: Tensor | float | None, *where: int) -> Tensor | float:
    return 0.0 if zone is None else zone if isinstance(zone, float) else zone[where]


def every_record(run: Callable[[int, int], list[list[Tensor]]]) -> list[Tensor]:
    """Return each state as (direction time batch unit) from a function of direction and record."""
    runs = [[run(d, b) for b in range(N_RECORDS)] for d in range(N_DIRECTIONS)]
    n_states = len(runs[0][0])
    return [
        torch.stack([torch.stack([torch.stack(record[s]) for record in direction], 1) for direction in runs])
        for s in range(n_states)
    ]


def lstm_reference(x: Tensor, h: Tensor, c: Tensor, w: LstmWeights, *, form: LstmForm, noise: Noise) -> tuple[Tensor, Tensor]:
    """The LSTM cell by cell: block k holds cells k * size to (k + 1) * size - 1."""
    gate, squash_in, squash_out = (PLAIN[a.name] for a in (form.gate, form.candidate, form.output))
    n, size = form.n_blocks, form.cells_per_block

    def run(d: int, b: int) -> list[list[Tensor]]:
        hidden, cell = h[d, b], c[d, b]
        hiddens, cells = [], []
        for t in range(N_STEPS):
            read = hidden if noise.recurrent is None else hidden * noise.recurrent[d, b]
            product, given = w.recurrent[d] @ read, x[d, t, b]
            if w.gain is not None and w.input_gain is not None and w.bias is not None:
                product = layer_norm(product, form.epsilon) * w.gain[d]
                given = layer_norm(given, form.epsilon) * w.input_gain[d] + w.bias[d]
            total = given + product
            has_own = form.has_forget_gate and not form.is_coupled

            def seen(row: int, state: Tensor, k: int, d: int = d) -> Tensor:
                if w.peepholes is None:
                    return torch.zeros((), dtype=torch.double)
                return (w.peepholes[d, row] * state)[k * size : (k + 1) * size].sum()

            new, outputs = [], []
            for k in range(n):
                i = gate(total[k] + seen(0, cell, k))
                f = torch.ones_like(i)
                if form.is_coupled:
                    f = 1 - i
                elif has_own:
                    f = gate(total[n + k] + seen(1, cell, k))
                begin = (2 if has_own else 1) * n
                new += [f * cell[j] + i * squash_in(total[begin + j]) for j in range(k * size, (k + 1) * size)]
            fresh = torch.stack(new)
            scaled = fresh
            if w.cell_gain is not None:
                scaled = layer_norm(fresh, form.epsilon) * w.cell_gain[d] + w.cell_bias[d]
            for k in range(n):
                o = gate(total[-n + k] + seen(-1, fresh, k))
                outputs += [o * squash_out(scaled[j]) for j in range(k * size, (k + 1) * size)]
            emitted = torch.stack(outputs)
            if w.projection is not None:
                emitted = w.projection[d] @ emitted
            z_h, z_c = share(noise.hidden_zone, d, t, b), share(noise.cell_zone, d, t, b)
            hidden, cell = z_h * hidden + (1 - z_h) * emitted, z_c * cell + (1 - z_c) * fresh
            hiddens.append(hidden)
            cells.append(cell)
        return [hiddens, cells]

    hiddens, cells = every_record(run)
    return hiddens, cells


def gru_reference(x: Tensor, h: Tensor, w: Tensor, bias: Tensor | None, *, form: GruForm, noise: Noise) -> Tensor:
    gate, squash = PLAIN[form.gate.name], PLAIN[form.candidate.name]
    width = h.shape[2]

    def run(d: int, b: int) -> list[list[Tensor]]:
        hidden, hiddens = h[d, b], []
        w_r, w_z, w_n = w[d].split(width)
        for t in range(N_STEPS):
            x_r, x_z, x_n = x[d, t, b].split(width)
            read = hidden if noise.recurrent is None else hidden * noise.recurrent[d, b]
            r, z = gate(x_r + w_r @ read), gate(x_z + w_z @ read)
            shift = 0 if bias is None else bias[d]
            inner = r * (w_n @ read + shift) if form.resets_after else w_n @ (r * read)
            fresh = (1 - z) * squash(x_n + inner) + z * hidden
            zone = share(noise.hidden_zone, d, t, b)
            hidden = zone * hidden + (1 - zone) * fresh
            hiddens.append(hidden)
        return [hiddens]

    return every_record(run)[0]


def rnn_reference(x: Tensor, h: Tensor, w: Tensor, *, activation: str, noise: Noise) -> Tensor:
    def run(d: int, b: int) -> list[list[Tensor]]:
        hidden, hiddens = h[d, b], []
        for t in range(N_STEPS):
            read = hidden if noise.recurrent is None else hidden * noise.recurrent[d, b]
            zone = share(noise.hidden_zone, d, t, b)
            hidden = zone * hidden + (1 - zone) * PLAIN[activation](x[d, t, b] + w[d] @ read)
            hiddens.append(hidden)
        return [hiddens]

    return every_record(run)[0]


def present(weights: LstmWeights) -> list[Tensor]:
    return [tensor for field in fields(weights) if (tensor := getattr(weights, field.name)) is not None]


def assert_equal_with_gradients(
    found: Callable[[], tuple[Tensor, ...]], expected: Callable[[], tuple[Tensor, ...]], tensors: list[Tensor]
) -> None:
    """Values and gradients agree, whether the loss sees all of the outputs or one of them alone."""
    n_outputs = len(expected())
    for seen in {tuple(range(n_outputs)), *((i,) for i in range(n_outputs))}:
        both = []
        for run in (found, expected):
            outputs = run()
            loss = sum(torch.sin((2 + i) * outputs[i]).sum() for i in seen)
            both.append((outputs, torch.autograd.grad(loss, tensors, allow_unused=True, materialize_grads=True)))
        (values, gradients), (expected_values, expected_gradients) = both
        for one, other in zip((*values, *gradients), (*expected_values, *expected_gradients), strict=True):
            torch.testing.assert_close(one, other, atol=1e-10, rtol=1e-10)


@pytest.fixture(params=["quiet", "drawn", "mean"])
def noise_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


SIGMOID, TANH = ACTIVATIONS["sigmoid"], ACTIVATIONS["tanh"]
EXTRAS = ("peepholes", "projection", "norm")


def lstm_form(
    forget_gate: str = "own", cells_per_block: int = 1, *, gate: str = "sigmoid", candidate: str = "tanh", output: str = "tanh"
) -> LstmForm:
    return LstmForm(
        n_blocks=3,
        cells_per_block=cells_per_block,
        has_forget_gate=forget_gate != "none",
        is_coupled=forget_gate == "coupled",
        gate=ACTIVATIONS[gate],
        candidate=ACTIVATIONS[candidate],
        output=ACTIVATIONS[output],
        epsilon=1e-5,
    )


def lstm_problem(form: LstmForm, extras: tuple[str, ...]) -> tuple[Tensor, Tensor, Tensor, LstmWeights]:
    width = 2 if "projection" in extras else form.width
    weights = LstmWeights(
        recurrent=random(N_DIRECTIONS, form.gate_width, width),
        peepholes=random(N_DIRECTIONS, form.n_input_gates + 1, form.width) if "peepholes" in extras else None,
        projection=random(N_DIRECTIONS, width, form.width) if "projection" in extras else None,
        gain=random(N_DIRECTIONS, form.gate_width) if "norm" in extras else None,
        input_gain=random(N_DIRECTIONS, form.gate_width) if "norm" in extras else None,
        bias=random(N_DIRECTIONS, form.gate_width) if "norm" in extras else None,
        cell_gain=random(N_DIRECTIONS, form.width) if "norm" in extras else None,
        cell_bias=random(N_DIRECTIONS, form.width) if "norm" in extras else None,
    )
    inputs = random(N_DIRECTIONS, N_STEPS, N_RECORDS, form.gate_width)
    return inputs, random(N_DIRECTIONS, N_RECORDS, width), random(N_DIRECTIONS, N_RECORDS, form.width), weights


def check_lstm(form: LstmForm, extras: tuple[str, ...], noise_name: str) -> None:
    x, h, c, weights = lstm_problem(form, extras)
    noise = noises(h.shape[2], form.width)[noise_name]
    assert_equal_with_gradients(
        lambda: scan_lstm(x.clone(), h, c, weights, form=form, noise=noise),
        lambda: lstm_reference(x, h, c, weights, form=form, noise=noise),
        [x, h, c, *present(weights)],
    )


@pytest.mark.parametrize("noise_name", ["quiet", "drawn"])
@pytest.mark.parametrize("cells_per_block", [1, 2])
@pytest.mark.parametrize("extras", [e for n in range(4) for e in itertools.combinations(EXTRAS, n)], ids="+".join)
@pytest.mark.parametrize("forget_gate", ["own", "none", "coupled"])
def test_lstm_equals_its_equations(forget_gate: str, extras: tuple[str, ...], cells_per_block: int, noise_name: str) -> None:
    check_lstm(lstm_form(forget_gate, cells_per_block), extras, noise_name)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("role", ["gate", "candidate", "output"])
def test_lstm_takes_any_activation_in_any_role(role: str, name: str) -> None:
    check_lstm(lstm_form(**{role: name}), ("peepholes",), "quiet")


def test_lstm_takes_the_mean_of_zoneout() -> None:
    check_lstm(lstm_form(), ("peepholes",), "mean")


@pytest.mark.parametrize(("resets_after", "has_bias"), [(True, True), (True, False), (False, False)])
def test_gru_equals_its_equations(resets_after: bool, has_bias: bool, noise_name: str) -> None:
    form = GruForm(resets_after=resets_after, gate=SIGMOID, candidate=TANH)
    x, h, w = random(N_DIRECTIONS, N_STEPS, N_RECORDS, 6), random(N_DIRECTIONS, N_RECORDS, 2), random(N_DIRECTIONS, 6, 2)
    bias = random(N_DIRECTIONS, 2) if has_bias else None
    noise = noises(2, 2)[noise_name]
    assert_equal_with_gradients(
        lambda: (scan_gru(x.clone(), h, w, bias, form=form, noise=noise),),
        lambda: (gru_reference(x, h, w, bias, form=form, noise=noise),),
        [x, h, w] if bias is None else [x, h, w, bias],
    )


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_rnn_equals_its_equation(activation: str, noise_name: str) -> None:
    x, h, w = random(N_DIRECTIONS, N_STEPS, N_RECORDS, 3), random(N_DIRECTIONS, N_RECORDS, 3), random(N_DIRECTIONS, 3, 3)
    noise = noises(3, 3)[noise_name]
    assert_equal_with_gradients(
        lambda: (scan_rnn(x.clone(), h, w, activation=ACTIVATIONS[activation], noise=noise),),
        lambda: (rnn_reference(x, h, w, activation=activation, noise=noise),),
        [x, h, w],
    )


@pytest.mark.parametrize("block_numbers", [1, 40, 10_000])
def test_slopes_are_the_same_in_blocks_of_any_length(block_numbers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffers, "BLOCK_NUMBERS", block_numbers)
    check_lstm(lstm_form(), ("peepholes",), "drawn")
    test_gru_equals_its_equations(True, True, "drawn")


def checked(scan: Callable[..., object], *tensors: Tensor) -> bool:
    return torch.autograd.gradcheck(scan, tensors)


@pytest.mark.parametrize("extras", [(), EXTRAS], ids=["plain", "all"])
def test_lstm_passes_gradcheck(extras: tuple[str, ...]) -> None:
    form = lstm_form(cells_per_block=2)
    x, h, c, weights = lstm_problem(form, extras)
    assert checked(
        lambda x, h, c, *w: scan_lstm(x.clone(), h, c, weights, form=form, noise=Noise()), x, h, c, *present(weights)
    )


@pytest.mark.parametrize("resets_after", [True, False])
def test_gru_passes_gradcheck(resets_after: bool) -> None:
    form = GruForm(resets_after=resets_after, gate=SIGMOID, candidate=TANH)
    x, h, w = random(1, 3, 2, 6), random(1, 2, 2), random(1, 6, 2)
    bias = random(1, 2) if resets_after else None
    tensors = [x, h, w] if bias is None else [x, h, w, bias]
    assert checked(lambda x, h, w, *b: scan_gru(x.clone(), h, w, *(b or (None,)), form=form, noise=Noise()), *tensors)


def test_rnn_passes_gradcheck() -> None:
    x, h, w = random(1, 3, 2, 2), random(1, 2, 2), random(1, 2, 2)
    assert checked(lambda x, h, w: scan_rnn(x.clone(), h, w, activation=TANH, noise=Noise()), x, h, w)


def test_unknown_activation_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"activation is 'softsign'; expected one of tanh, sigmoid, relu, identity"):
        get_activation("softsign")
