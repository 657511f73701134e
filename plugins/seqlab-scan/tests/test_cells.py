"""Cells by themselves: equal to their papers' equations, record by record, and to their own single steps."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from seqlab_scan import MinGruCell, MinLstmCell, MlstmCell, QrnnCell, SlstmCell, SruCell
from torch import Tensor, nn

from seqlab.encoders import Cell
from seqlab.encoders.cells.base import draw_noise
from seqlab.errors import ConfigError
from seqlab.functional.recurrence.noise import Noise

INPUTS, WIDTH, N_STEPS, N_RECORDS = 3, 4, 6, 2
MINIMAL: dict[str, Any] = {
    "candidate_activation": "positive",
    "input_init": "glorot",
    "forget_bias": 1.0,
    "hidden_zone_prob": 0.0,
    "algorithm": "auto",
}
SRU: dict[str, Any] = {
    "has_peepholes": True,
    "output_activation": "identity",
    "is_scaled": True,
    "input_init": "glorot",
    "forget_bias": 0.0,
    "highway_bias": 0.0,
    "cell_zone_prob": 0.0,
    "algorithm": "auto",
}
QRNN: dict[str, Any] = {
    "window": 2,
    "pooling": "fo",
    "candidate_activation": "tanh",
    "input_init": "glorot",
    "forget_bias": 0.0,
    "cell_zone_prob": 0.0,
    "algorithm": "auto",
}


def min_gru(**options: Any) -> MinGruCell:
    return MinGruCell(INPUTS, WIDTH, **{**MINIMAL, **options})


def min_lstm(**options: Any) -> MinLstmCell:
    return MinLstmCell(INPUTS, WIDTH, **{**MINIMAL, **options})


def sru(input_width: int = INPUTS, **options: Any) -> SruCell:
    return SruCell(input_width, WIDTH, **{**SRU, **options})


def qrnn(**options: Any) -> QrnnCell:
    return QrnnCell(INPUTS, WIDTH, **{**QRNN, **options})


def mlstm(**options: Any) -> MlstmCell:
    return MlstmCell(INPUTS, WIDTH, **{"n_heads": 2, "is_normalised": False, **options})


def slstm(**options: Any) -> SlstmCell:
    return SlstmCell(INPUTS, WIDTH, **{"n_heads": 2, **options})


FORMS: dict[str, Callable[[], Cell]] = {
    "minGRU": min_gru,
    "minGRU of section 3": lambda: min_gru(candidate_activation="identity"),
    "minGRU zoneout": lambda: min_gru(hidden_zone_prob=0.3),
    "minLSTM": min_lstm,
    "minLSTM zoneout": lambda: min_lstm(hidden_zone_prob=0.3),
    "SRU": sru,
    "SRU as wide as its inputs": lambda: sru(WIDTH),
    "SRU without peepholes": lambda: sru(has_peepholes=False),
    "SRU of 2017": lambda: sru(WIDTH, has_peepholes=False, output_activation="tanh", is_scaled=False),
    "SRU scaled": lambda: sru(highway_bias=-2.0, cell_zone_prob=0.2),
    "QRNN": qrnn,
    "QRNN f": lambda: qrnn(pooling="f"),
    "QRNN ifo": lambda: qrnn(pooling="ifo", window=3),
    "QRNN f of one input": lambda: qrnn(pooling="f", window=1),
    "QRNN zoneout": lambda: qrnn(pooling="f", window=3, cell_zone_prob=0.4),
    "mLSTM": mlstm,
    "mLSTM normalised": lambda: mlstm(n_heads=1, is_normalised=True),
    "mLSTM of exponential gates": lambda: mlstm(forget_gate="exponential"),
    "sLSTM": slstm,
    "sLSTM of one head": lambda: slstm(n_heads=1),
    "sLSTM of exponential gates": lambda: slstm(forget_gate="exponential"),
}


def shaken(cell: Cell) -> Cell:
    """Give every parameter values of its own, biases and peepholes too."""
    for parameter in cell.parameters():
        nn.init.normal_(parameter, std=0.7)
    return cell.double().eval()


def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-x))


def g(x: Tensor) -> Tensor:
    """Feng et al. 2024, appendix B, number by number."""
    return torch.stack([v + 0.5 if v >= 0 else sigmoid(v) for v in x])


PLAIN: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "identity": lambda x: x, "positive": g}


def minimal_equations(cell: Cell, record: Tensor, state: Sequence[Tensor]) -> list[list[Tensor]]:
    """Feng et al. 2024: minGRU of §3.1 or minLSTM of §3.2, one record."""
    (h,), found, zone = state, [], cell.hidden_zone_prob
    squash = PLAIN[cell.form.candidate]
    for x in record:
        v = [w @ x + b for w, b in zip(cell.weight_ih.split(WIDTH), cell.bias_ih.split(WIDTH), strict=True)]
        if isinstance(cell, MinGruCell):
            z = sigmoid(v[1])
            fresh = (1 - z) * h + z * squash(v[0])
        else:
            f, i = sigmoid(v[1]), sigmoid(v[2])
            fresh = f / (f + i) * h + i / (f + i) * squash(v[0])
        h = zone * h + (1 - zone) * fresh
        found.append([h])
    return found


def sru_equations(cell: SruCell, record: Tensor, state: Sequence[Tensor]) -> list[list[Tensor]]:
    """Lei et al. 2018, one record."""
    c, found, zone = state[1], [], cell.cell_zone_prob
    w, w_f, w_r, *w_x = cell.weight_ih.split(WIDTH)
    b_f, b_r = cell.bias_ih.split(WIDTH)
    v_f, v_r = (0, 0) if cell.peepholes is None else cell.peepholes
    for x in record:
        f, r = sigmoid(w_f @ x + v_f * c + b_f), sigmoid(w_r @ x + v_r * c + b_r)
        c = zone * c + (1 - zone) * (f * c + (1 - f) * (w @ x))
        around = cell.form.skip_scale * (w_x[0] @ x if w_x else x)
        found.append([r * PLAIN[cell.form.output_activation](c) + (1 - r) * around, c])
    return found


def qrnn_equations(cell: QrnnCell, record: Tensor, state: Sequence[Tensor]) -> list[list[Tensor]]:
    """Bradbury et al. 2017, §2 and §2.1, one record."""
    k, has_output = cell.window, cell.form.output == "gated"
    earlier = list(state[1].split(INPUTS)) if k > 1 else []
    c, found, zone = state[-1] if has_output else state[0], [], cell.cell_zone_prob
    for t in range(N_STEPS):
        window = [*earlier, *record][t : t + k]
        v = [b.clone() for b in cell.bias_ih.split(WIDTH)]
        for tap, x in enumerate(window):
            columns = cell.weight_ih[:, tap * INPUTS : (tap + 1) * INPUTS]
            v = [one + w @ x for one, w in zip(v, columns.split(WIDTH), strict=True)]
        z, f = torch.tanh(v[0]), sigmoid(v[1])
        i = sigmoid(v[2]) if cell.form.mix == "input" else 1 - f
        c = zone * c + (1 - zone) * (f * c + i * z)
        h = sigmoid(v[-1]) * c if has_output else c
        found.append([h, *([torch.cat(window[1:])] if k > 1 else []), *([c] if has_output else [])])
    return found


@pytest.mark.parametrize(("width", "n_heads"), [(150, 5), (64, 4), (24, 3), (16, 2), (8, 1), (31, 1), (1, 1)])
def test_heads_divide_any_width(width: int, n_heads: int) -> None:
    assert SlstmCell(INPUTS, width).n_heads == n_heads
    assert MlstmCell(INPUTS, width, is_normalised=False).n_heads == n_heads


def of_head(values: Tensor, head: int, n_heads: int) -> Tensor:
    return values.chunk(n_heads)[head]


def mlstm_equations(cell: MlstmCell, record: Tensor, state: Sequence[Tensor]) -> list[list[Tensor]]:
    """Beck et al. 2024, equations 19 to 27, without a stabiliser; one record."""
    n, d, found = cell.n_heads, cell.head_width, []
    m = list(state[3])
    c = [exp(m[j]) * of_head(state[1], j, n).view(d, d) for j in range(n)]
    norm = [exp(m[j]) * of_head(state[2], j, n) for j in range(n)]
    for x in record:
        q, k, v, o, i, f = (w @ x + b for w, b in zip(cell.blocks(cell.weight_ih), cell.blocks(cell.bias_ih), strict=True))
        heads = []
        for j in range(n):
            key, enter, keep = of_head(k, j, n) / d**0.5, exp(i[j]), FORGET[cell.forget_gate](f[j])
            c[j] = keep * c[j] + enter * torch.outer(key, of_head(v, j, n))
            norm[j] = keep * norm[j] + enter * key
            query = of_head(q, j, n)
            read = c[j].t() @ query / torch.maximum((norm[j] @ query).abs(), torch.tensor(1.0, dtype=torch.double))
            if cell.gain is not None:
                read = (read - read.mean()) / (read.var(correction=0) + 1e-5).sqrt() * of_head(cell.gain, j, n)
            heads.append(sigmoid(of_head(o, j, n)) * read)
            m[j] = torch.maximum(keep.log() + m[j], i[j])
        scaled = [c[j].flatten() / exp(m[j]) for j in range(n)], [norm[j] / exp(m[j]) for j in range(n)]
        found.append([torch.cat(heads), *map(torch.cat, scaled), torch.stack(m)])
    return found


def slstm_equations(cell: SlstmCell, record: Tensor, state: Sequence[Tensor]) -> list[list[Tensor]]:
    """Beck et al. 2024, equations 8 to 14, without a stabiliser; one record."""
    h, norm, found = state[0], exp(state[2]), []
    c = state[1] * norm
    for x in record:
        read = torch.cat([of_head(h, j, cell.n_heads).expand(cell.head_width, -1) for j in range(cell.n_heads)])
        gates = cell.weight_ih @ x + (cell.weight_hh * read.repeat(4, 1)).sum(1) + cell.bias_ih
        i, f, z, o = gates.split(WIDTH)
        keep = FORGET[cell.forget_gate](f)
        c, norm = keep * c + exp(i) * torch.tanh(z), keep * norm + exp(i)
        h = sigmoid(o) * c / norm
        found.append([h, c / norm, norm.log()])
    return found


exp = torch.exp
FORGET: dict[str, Callable[[Tensor], Tensor]] = {"sigmoid": sigmoid, "exponential": exp}
EQUATIONS = {
    MinGruCell: minimal_equations,
    MinLstmCell: minimal_equations,
    SruCell: sru_equations,
    QrnnCell: qrnn_equations,
    MlstmCell: mlstm_equations,
    SlstmCell: slstm_equations,
}


@pytest.mark.parametrize("name", FORMS)
def test_runs_and_steps_equal_the_equations(name: str) -> None:
    """Two directions of cells with given states, in values and in the gradients of all that is given."""
    cells = [shaken(FORMS[name]()) for _ in range(2)]
    widths = cells[0].state_widths.values()
    inputs = torch.randn(2, N_STEPS, N_RECORDS, cells[0].input_width, dtype=torch.double, requires_grad=True)
    first = tuple(torch.randn(2, N_RECORDS, width, dtype=torch.double, requires_grad=True) for width in widths)
    given = [inputs, *first, *(p for cell in cells for p in cell.parameters())]

    def by_equations() -> list[Tensor]:
        runs = [
            [EQUATIONS[type(cell)](cell, inputs[d, :, b], [s[d, b] for s in first]) for b in range(N_RECORDS)]
            for d, cell in enumerate(cells)
        ]
        return [
            torch.stack([torch.stack([torch.stack([step[i] for step in record]) for record in run], 1) for run in runs])
            for i in range(len(first))
        ]

    def by_steps() -> list[Tensor]:
        made = []
        for d, cell in enumerate(cells):
            state, run = tuple(s[d] for s in first), []
            for step in inputs[d]:
                state = cell(step, state)
                run.append(state)
            made.append([torch.stack(parts) for parts in zip(*run, strict=True)])
        return [torch.stack(parts) for parts in zip(*made, strict=True)]

    def outcomes(run: Callable[[], list[Tensor]]) -> list[Tensor]:
        found = list(run())
        loss = sum((torch.sin((2 + i) * state)).sum() for i, state in enumerate(found))
        return [*found, *torch.autograd.grad(loss, given, allow_unused=True, materialize_grads=True)]

    expected = outcomes(by_equations)
    for run in (by_steps, lambda: type(cells[0]).scan(cells, inputs, first)):
        for found, other in zip(outcomes(run), expected, strict=True):
            torch.testing.assert_close(found, other, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("name", FORMS)
def test_every_parameter_of_a_step_gets_a_gradient(name: str) -> None:
    cell = FORMS[name]().eval()
    state = tuple(torch.randn(5, width) for width in cell.state_widths.values())
    sum(part.sin().sum() for part in cell(torch.randn(5, cell.input_width), state)).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in cell.parameters())


@pytest.mark.parametrize("name", FORMS)
def test_states_that_no_step_reads_are_not_learned(name: str) -> None:
    cell = FORMS[name]().eval()
    state = tuple(torch.randn(5, width, requires_grad=True) for width in cell.state_widths.values())
    after = cell(torch.randn(5, cell.input_width), state)
    gradients = torch.autograd.grad(sum(part.sum() for part in after), state, allow_unused=True)
    unread = {n for n, gradient in zip(cell.state_widths, gradients, strict=True) if gradient is None}
    scales = {"stabiliser"}  # a step reads it, but its value adds nothing to the states that it scales
    assert unread == set(cell.unlearned_states) - scales


def test_gates_start_as_open_as_asked() -> None:
    nothing = torch.zeros(1, INPUTS)
    opened = torch.sigmoid(torch.tensor(2.0)).item()
    for cell in (min_gru(forget_bias=2.0), sru(forget_bias=2.0), qrnn(forget_bias=2.0)):
        _, gates = cell.step(nothing, cell.zero_state(nothing), noise=Noise())
        keep = 1 - gates["update"] if "update" in gates else gates["forget"]
        torch.testing.assert_close(keep, torch.full((1, WIDTH), opened))
    cell = min_lstm(forget_bias=2.0)
    _, gates = cell.step(nothing, cell.zero_state(nothing), noise=Noise())
    torch.testing.assert_close(gates["forget"], torch.full((1, WIDTH), opened / (opened + 0.5)))
    for xlstm in (mlstm(forget_bias=2.0), slstm(forget_bias=2.0)):
        assert xlstm.blocks(xlstm.bias_ih)[-1 if isinstance(xlstm, MlstmCell) else 1].eq(2).all()
    _, gates = sru(highway_bias=-1.0).step(nothing, sru().zero_state(nothing), noise=Noise())
    torch.testing.assert_close(gates["reset"], torch.sigmoid(torch.full((1, WIDTH), -1.0)))


def test_highways_are_scaled_by_their_bias() -> None:
    assert sru(highway_bias=0.0).form.skip_scale == pytest.approx(3**0.5)
    assert sru(highway_bias=0.0, is_scaled=False).form.skip_scale == 1


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (min_gru, ["update", "candidate"]),
        (min_lstm, ["forget", "input", "candidate"]),
        (sru, ["forget", "reset", "candidate"]),
        (lambda: qrnn(pooling="f"), ["forget", "candidate"]),
        (lambda: qrnn(pooling="ifo"), ["forget", "input", "output", "candidate"]),
        (mlstm, ["input", "forget", "output"]),
        (slstm, ["input", "forget", "output", "candidate"]),
    ],
    ids=["minGRU", "minLSTM", "SRU", "QRNN f", "QRNN ifo", "mLSTM", "sLSTM"],
)
def test_gates_are_named(make: Callable[[], Cell], names: list[str]) -> None:
    cell, inputs = make(), torch.randn(2, INPUTS)
    assert list(cell.step(inputs, cell.zero_state(inputs), noise=Noise())[1]) == names


@pytest.mark.parametrize("algorithm", ["auto", "loop", "blocks"])
@pytest.mark.parametrize(
    "make", [min_gru, min_lstm, lambda **o: sru(has_peepholes=False, **o), qrnn], ids=["minGRU", "minLSTM", "SRU", "QRNN"]
)
def test_zoneout_keeps_units_while_training(make: Callable[..., Cell], algorithm: str) -> None:
    probability = "hidden_zone_prob" if make in (min_gru, min_lstm) else "cell_zone_prob"
    cell = make(**{probability: 0.3, "algorithm": algorithm})
    inputs, first = torch.randn(1, 400, 5, INPUTS), tuple(torch.randn(1, 5, width) for width in cell.state_widths.values())
    run = type(cell).scan([cell], inputs, first)[-1]
    kept = torch.isclose(run[:, 1:], run[:, :-1], rtol=1e-6, atol=1e-6).float().mean()
    assert abs(kept - 0.3) < 0.02
    noise = draw_noise([cell], inputs)
    assert {n: z.shape for n, z in vars(noise).items() if z is not None} == {probability[:-5]: (1, 400, 5, WIDTH)}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: min_gru(algorithm="fast"), r"encoder.cell.algorithm is 'fast'; expected one of auto, loop, blocks, log_space"),
        (lambda: min_gru(candidate_activation="g"), r"candidate_activation is 'g'; expected one of tanh, .*, positive"),
        (
            lambda: min_lstm(algorithm="log_space", candidate_activation="tanh"),
            r"algorithm is 'log_space', but candidates of activation 'tanh' may be negative; set .*=positive",
        ),
        (lambda: min_lstm(hidden_zone_prob=1.0), r"hidden_zone_prob is 1.0; expected a probability"),
        (lambda: sru(algorithm="blocks"), r"algorithm is 'blocks', but gates that see the state .*has_peepholes=false"),
        (lambda: sru(output_activation="softsign"), r"output_activation is 'softsign'; expected one of"),
        (lambda: sru(has_peepholes=False, algorithm="log_space"), r"'log_space', but candidates of activation 'identity'"),
        (lambda: qrnn(window=0), r"encoder.cell.window is 0; expected at least 1 input"),
        (lambda: qrnn(pooling="of"), r"encoder.cell.pooling is 'of'; expected f, fo or ifo"),
        (lambda: mlstm(n_heads=3), r"encoder.cell.n_heads is 3; expected a divisor of encoder.width, 4"),
        (lambda: mlstm(n_heads=4, is_normalised=True), r"is_normalised is true, but a head has one unit.*n_heads below 4"),
        (lambda: mlstm(chunk_steps=0), r"encoder.cell.chunk_steps is 0; expected at least 1 step"),
        (lambda: mlstm(forget_gate="tanh"), r"encoder.cell.forget_gate is 'tanh'; expected sigmoid or exponential"),
        (lambda: slstm(n_heads=0), r"encoder.cell.n_heads is 0; expected a divisor of encoder.width, 4"),
        (lambda: slstm(recurrent_drop_prob=1.0), r"recurrent_drop_prob is 1.0; expected a probability"),
        (lambda: qrnn(input_init="glorious"), r"initialisation is 'glorious'; expected one of glorot"),
    ],
)
def test_bad_options_are_refused(make: Callable[[], Cell], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()
