"""The recurrences written from their equations: one record at a time, and of the LSTM one cell at a time."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from seqlab.functional.recurrence.gru_steps import GruForm
from seqlab.functional.recurrence.lstm_variant import LstmForm, LstmWeights
from seqlab.functional.recurrence.noise import Noise

PLAIN = {"tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu": torch.relu, "identity": lambda x: x}


def layer_norm(x: Tensor, epsilon: float) -> Tensor:
    return (x - x.mean()) / torch.sqrt(((x - x.mean()) ** 2).mean() + epsilon)


def share(zone: Tensor | float | None, *where: int) -> Tensor | float:
    return 0.0 if zone is None else zone if isinstance(zone, float) else zone[where]


def every_record(run: Callable[[int, int], list[list[Tensor]]], x: Tensor) -> list[Tensor]:
    """Return each state as (direction time batch unit) from a function of direction and record; `x` has as many of them."""
    runs = [[run(d, b) for b in range(x.shape[2])] for d in range(x.shape[0])]
    n_states = len(runs[0][0])
    return [
        torch.stack([torch.stack([torch.stack(record[s]) for record in direction], 1) for direction in runs])
        for s in range(n_states)
    ]


def seen(row: int, state: Tensor, k: int, w: LstmWeights, d: int, *, size: int) -> Tensor:
    """Return what a gate of block k sees of the cells through its peepholes."""
    if w.peepholes is None:
        return torch.zeros((), dtype=torch.double)
    return (w.peepholes[d, row] * state)[k * size : (k + 1) * size].sum()


def products(given: Tensor, read: Tensor, w: LstmWeights, d: int, *, form: LstmForm) -> Tensor:
    """Return x + W h of all gates, normalised where there are gains."""
    product = w.recurrent[d] @ read
    if w.gain is not None and w.input_gain is not None and w.bias is not None:
        product = layer_norm(product, form.epsilon) * w.gain[d]
        given = layer_norm(given, form.epsilon) * w.input_gain[d] + w.bias[d]
    return given + product


def new_cells(total: Tensor, cell: Tensor, w: LstmWeights, d: int, *, form: LstmForm) -> Tensor:
    """Return f c + i a(g). Block k holds cells k * size to (k + 1) * size - 1."""
    gate, squash_in = PLAIN[form.gate.name], PLAIN[form.candidate.name]
    n, size = form.n_blocks, form.cells_per_block
    has_own = form.has_forget_gate and not form.is_coupled
    begin = (2 if has_own else 1) * n
    new = []
    for k in range(n):
        i = gate(total[k] + seen(0, cell, k, w, d, size=size))
        f = torch.ones_like(i)
        if form.is_coupled:
            f = 1 - i
        elif has_own:
            f = gate(total[n + k] + seen(1, cell, k, w, d, size=size))
        new += [f * cell[j] + i * squash_in(total[begin + j]) for j in range(k * size, (k + 1) * size)]
    return torch.stack(new)


def emission(total: Tensor, fresh: Tensor, w: LstmWeights, d: int, *, form: LstmForm) -> Tensor:
    """Return P (o b(c)) of the new cells."""
    gate, squash_out = PLAIN[form.gate.name], PLAIN[form.output.name]
    n, size = form.n_blocks, form.cells_per_block
    scaled = fresh
    if w.cell_gain is not None:
        scaled = layer_norm(fresh, form.epsilon) * w.cell_gain[d] + w.cell_bias[d]
    outputs = []
    for k in range(n):
        o = gate(total[-n + k] + seen(-1, fresh, k, w, d, size=size))
        outputs += [o * squash_out(scaled[j]) for j in range(k * size, (k + 1) * size)]
    emitted = torch.stack(outputs)
    return emitted if w.projection is None else w.projection[d] @ emitted


def run_lstm(x: Tensor, h: Tensor, c: Tensor, w: LstmWeights, *, form: LstmForm, noise: Noise) -> tuple[Tensor, Tensor]:
    def run(d: int, b: int) -> list[list[Tensor]]:
        hidden, cell = h[d, b], c[d, b]
        hiddens, cells = [], []
        for t in range(x.shape[1]):
            read = hidden if noise.recurrent is None else hidden * noise.recurrent[d, b]
            total = products(x[d, t, b], read, w, d, form=form)
            fresh = new_cells(total, cell, w, d, form=form)
            emitted = emission(total, fresh, w, d, form=form)
            z_h, z_c = share(noise.hidden_zone, d, t, b), share(noise.cell_zone, d, t, b)
            hidden, cell = z_h * hidden + (1 - z_h) * emitted, z_c * cell + (1 - z_c) * fresh
            hiddens.append(hidden)
            cells.append(cell)
        return [hiddens, cells]

    hiddens, cells = every_record(run, x)
    return hiddens, cells


def run_gru(x: Tensor, h: Tensor, w: Tensor, bias: Tensor | None, *, form: GruForm, noise: Noise) -> Tensor:
    gate, squash = PLAIN[form.gate.name], PLAIN[form.candidate.name]
    width = h.shape[2]

    def run(d: int, b: int) -> list[list[Tensor]]:
        hidden, hiddens = h[d, b], []
        w_r, w_z, w_n = w[d].split(width)
        for t in range(x.shape[1]):
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

    return every_record(run, x)[0]


def run_rnn(x: Tensor, h: Tensor, w: Tensor, *, activation: str, noise: Noise) -> Tensor:
    def run(d: int, b: int) -> list[list[Tensor]]:
        hidden, hiddens = h[d, b], []
        for t in range(x.shape[1]):
            read = hidden if noise.recurrent is None else hidden * noise.recurrent[d, b]
            zone = share(noise.hidden_zone, d, t, b)
            hidden = zone * hidden + (1 - zone) * PLAIN[activation](x[d, t, b] + w[d] @ read)
            hiddens.append(hidden)
        return [hiddens]

    return every_record(run, x)[0]


@pytest.fixture(scope="session")
def lstm_reference() -> Callable[..., tuple[Tensor, Tensor]]:
    """Return the function of inputs, initial states and weights that gives h and c of every step."""
    return run_lstm


@pytest.fixture(scope="session")
def gru_reference() -> Callable[..., Tensor]:
    """Return the function of inputs, initial state, weights and bias that gives h of every step."""
    return run_gru


@pytest.fixture(scope="session")
def rnn_reference() -> Callable[..., Tensor]:
    """Return the function of inputs, initial state and weights that gives h of every step."""
    return run_rnn
