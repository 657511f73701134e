"""The runs of mLSTM and sLSTM: chunks of any size, last states, derivatives, precision, compiled code and loop."""

from typing import Any

import pytest
import torch
from seqlab_scan import MlstmCell, SlstmCell, matrix_memory, scalar_memory
from seqlab_scan.matrix_memory import Memory, scan_matrix
from seqlab_scan.scalar_memory import scan_scalar
from torch import Tensor, nn

from seqlab.encoders import Cell, RecurrentEncoder
from seqlab.functional.native import without_libraries
from seqlab.functional.native.compiler import find_compiler
from seqlab.steps import Steps

INPUTS, WIDTH, N_RECORDS = 3, 4, 3
needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="no C compiler is installed")


def shaken(cell: Cell, *, std: float = 0.7) -> Any:
    for parameter in cell.parameters():
        nn.init.normal_(parameter, std=std)
    return cell.double().eval()


def random_states(cell: Cell, *, n_directions: int = 1) -> tuple[Tensor, ...]:
    widths = cell.state_widths.values()
    return tuple(torch.randn(n_directions, N_RECORDS, width, dtype=torch.double, requires_grad=True) for width in widths)


def by_steps(cell: Cell, inputs: Tensor, state: tuple[Tensor, ...], lengths: list[int]) -> tuple[Tensor, list[Tensor]]:
    """Return h of the real steps of each record, joined, and each record's last states."""
    hidden, last = [], []
    for b, length in enumerate(lengths):
        states = [tuple(part[0, b : b + 1] for part in state)]
        for t in range(length):
            states.append(cell(inputs[0, t, b : b + 1], states[-1]))
        hidden.extend(one[0] for one in states[1:])
        last.append(states[-1])
    return torch.cat([inputs.new_zeros(0, WIDTH), *hidden]), [torch.cat(parts) for parts in zip(*last, strict=True)]


@pytest.mark.parametrize("chunk_steps", [1, 2, 5, 64])
@pytest.mark.parametrize("lengths", [[0, 0, 0], [1, 0, 1], [7, 1, 4], [10, 10, 10]], ids=str)
@pytest.mark.parametrize("make", [MlstmCell, SlstmCell])
def test_runs_with_lengths_equal_the_steps_of_each_record(make: Any, lengths: list[int], chunk_steps: int) -> None:
    """In values, last states, and gradients of inputs, initial states and weights; padding holds what it may."""
    options = {"chunk_steps": chunk_steps, "is_normalised": False} if make is MlstmCell else {}
    cell = shaken(make(INPUTS, WIDTH, n_heads=2, **options))
    state = random_states(cell)
    inputs = torch.randn(1, max(lengths), N_RECORDS, INPUTS, dtype=torch.double, requires_grad=True)
    given = [inputs, *state, *cell.parameters()]

    def outcomes(hidden: Tensor, last: list[Tensor]) -> list[Tensor]:
        loss = torch.sin(2 * hidden).sum() + sum(((i + 1) * part.cos()).sum() for i, part in enumerate(last))
        return [hidden, *last, *torch.autograd.grad(loss, given, allow_unused=True, materialize_grads=True)]

    run, after = make.run([cell], inputs, state, lengths=torch.tensor(lengths))
    joined = torch.cat([run[0, :length, b] for b, length in enumerate(lengths)])
    found = outcomes(joined, [part[0] for part in after])
    for one, other in zip(found, outcomes(*by_steps(cell, inputs, state, lengths)), strict=True):
        torch.testing.assert_close(one, other, atol=1e-10, rtol=1e-10)


def test_long_gates_that_are_nearly_closed_or_wide_open_keep_their_precision() -> None:
    """Logarithms of gates far from 0 in either direction, in float32: finite, and near float64."""
    n_steps, d = 200, 3
    queries, keys, values = (torch.randn(2, n_steps, d) for _ in range(3))
    log_input, log_forget = 40 * torch.randn(2, n_steps), -20 * torch.rand(2, n_steps)
    first = Memory(torch.zeros(2, d, d + 1), torch.zeros(2))
    tensors = [queries, keys, values, log_input, log_forget]

    def run(*given: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        leaves = [one.clone().requires_grad_() for one in given]
        start = Memory(*(part.to(given[0].dtype) for part in first))
        hidden, _ = scan_matrix(*leaves, first=start, chunk_steps=32)
        return hidden, torch.autograd.grad(hidden.tanh().sum(), leaves)

    found, gradients = run(*tensors)
    expected, _ = run(*(one.double() for one in tensors))
    assert all(one.isfinite().all() for one in gradients)
    torch.testing.assert_close(found.double().tanh(), expected.tanh(), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("log_input", [-300.0, -90.0, 90.0, 300.0])
@pytest.mark.parametrize("make", [MlstmCell, SlstmCell])
def test_extreme_input_gates_give_finite_values_and_gradients(make: Any, log_input: float) -> None:
    cell = make(INPUTS, WIDTH, n_heads=2)
    gate = slice(4 * WIDTH, 4 * WIDTH + 2) if make is MlstmCell else slice(0, WIDTH)
    nn.init.constant_(cell.bias_ih.detach()[gate], log_input)
    inputs = torch.randn(1, 70, N_RECORDS, INPUTS, requires_grad=True)
    state = tuple(part.unsqueeze(0) for part in cell.zero_state(inputs[0, 0]))
    hidden, last = make.run([cell], inputs, state, lengths=torch.tensor([70, 3, 1]))
    (hidden.sum() + last[0].sum()).backward()
    assert hidden.isfinite().all()
    assert all(one.grad.isfinite().all() for one in (inputs, *cell.parameters()))


@pytest.mark.parametrize("make", [MlstmCell, SlstmCell])
def test_an_empty_memory_holds_the_first_input_alone(make: Any) -> None:
    """From nothing, c_1 / n_1 is z_1 whatever i and f are, and C_1 is i k v^T."""
    cell = shaken(make(INPUTS, WIDTH, n_heads=2, **({"is_normalised": False} if make is MlstmCell else {})))
    inputs = torch.randn(N_RECORDS, INPUTS, dtype=torch.double)
    after = cell(inputs)
    products = nn.functional.linear(inputs, cell.weight_ih, cell.bias_ih)
    if make is SlstmCell:
        torch.testing.assert_close(after[1], products[:, 2 * WIDTH : 3 * WIDTH].tanh())
        torch.testing.assert_close(after[2], products[:, :WIDTH])
        return
    key, value = (products[:, i * WIDTH : (i + 1) * WIDTH].unflatten(1, (2, 2)) for i in (1, 2))
    entered = (products[:, -4:-2] - after[3]).exp()[..., None, None] * key.unsqueeze(-1) * value.unsqueeze(-2) / 2**0.5
    torch.testing.assert_close(after[1], entered.flatten(1))


@pytest.mark.parametrize("make", [MlstmCell, SlstmCell])
def test_derivatives_equal_finite_differences(make: Any) -> None:
    cell = shaken(make(INPUTS, WIDTH, n_heads=2, **({"is_normalised": False, "chunk_steps": 2} if make is MlstmCell else {})))
    inputs = torch.randn(1, 5, N_RECORDS, INPUTS, dtype=torch.double, requires_grad=True)

    def run(values: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        hidden, last = make.run([cell], values, state, lengths=torch.tensor([5, 2, 0]))
        return hidden[0, :2, :2], *last

    assert torch.autograd.gradcheck(run, (inputs, *random_states(cell)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("make", [MlstmCell, SlstmCell])
def test_gates_run_in_float32_under_autocast(make: Any, dtype: torch.dtype) -> None:
    """Logarithms of gates near 300, which half precision rounds to steps of 2 or 0.25: m and log n are those of float32."""
    cell = make(INPUTS, WIDTH, n_heads=2)
    gate = slice(4 * WIDTH, 4 * WIDTH + 2) if make is MlstmCell else slice(0, WIDTH)
    nn.init.constant_(cell.bias_ih.detach()[gate], 300.0)
    inputs = torch.randn(1, 9, N_RECORDS, INPUTS)
    state = tuple(part.unsqueeze(0) for part in cell.zero_state(inputs[0, 0]))
    lengths = torch.full((N_RECORDS,), 9)
    expected, last = make.run([cell], inputs, state, lengths=lengths)
    with torch.autocast("cpu", dtype=dtype):
        found, after = make.run([cell], inputs, state, lengths=lengths)
        stepped = cell(inputs[0, 0])
    for hidden, scale in ((found, after[-1]), (stepped[0], stepped[-1])):
        assert hidden.dtype == scale.dtype == torch.float32
    torch.testing.assert_close(after[-1], last[-1], atol=1e-3, rtol=0)
    torch.testing.assert_close(found, expected, atol=0.05, rtol=0.05)


@pytest.mark.parametrize("make", [MlstmCell, SlstmCell])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_in_half_precision_are_near_float32(make: Any, dtype: torch.dtype) -> None:
    cell = make(INPUTS, WIDTH, n_heads=2, **({"is_normalised": False} if make is MlstmCell else {}))
    encoder = RecurrentEncoder(INPUTS, WIDTH, cell=lambda *_: cell, is_bidirectional=False, is_stateful=True).eval()
    steps = Steps(torch.randn(N_RECORDS, 6, INPUTS), torch.tensor([6, 2, 0]))
    expected = encoder(steps).values
    found = encoder.to(dtype)(Steps(steps.values.to(dtype), steps.lengths))
    assert found.values.dtype == dtype
    torch.testing.assert_close(found.values[steps.mask].float(), expected[steps.mask], atol=0.05, rtol=0.05)


@needs_compiler
@pytest.mark.parametrize("forget_gate", ["sigmoid", "exponential"])
@pytest.mark.parametrize("has_mask", [True, False])
def test_compiled_code_equals_the_loop(forget_gate: str, has_mask: bool) -> None:
    """Also where a memory is empty; and the record's numbers are the same in any batch, on any number of threads."""
    width, mask = 19, torch.rand(2, N_RECORDS, 19) if has_mask else None
    products, recurrent = torch.randn(2, 30, N_RECORDS, 4 * width), torch.randn(2, 4 * width, width) / 5
    first = [torch.randn(2, N_RECORDS, width) for _ in range(3)]
    first[2][:, 0] = -torch.inf
    cotangents = torch.randn(3, 2, 30, N_RECORDS, width)

    def outcomes() -> list[Tensor]:
        given = [one.clone().requires_grad_() for one in (*first, recurrent)]
        read = products.clone().requires_grad_()
        made = scan_scalar(read * 1, *given, mask=mask, forget_gate=forget_gate)
        loss = sum((weights * part).sum() for weights, part in zip(cotangents, made, strict=True))
        return [part.detach() for part in made] + list(torch.autograd.grad(loss, [read, *given]))

    assert scalar_memory.LIBRARY.is_usable, scalar_memory.LIBRARY.failure
    found = outcomes()
    with without_libraries():
        expected = outcomes()
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        one_mask = None if mask is None else mask[:, 1:2]
        alone = scan_scalar(
            products[:, :, 1:2].clone(), *(p[:, 1:2] for p in first), recurrent, mask=one_mask, forget_gate=forget_gate
        )
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, whole[:, :, 1:2]) for one, whole in zip(alone, found, strict=False))


def test_arrays_that_do_not_fit_are_refused() -> None:
    fitting = [torch.zeros(2, 3, 4, 20), *(torch.zeros(2, 4, 5) for _ in range(3)), torch.zeros(2, 20, 5)]
    for place, wrong, message in (
        (0, torch.zeros(2, 3, 4, 19), r"products has the shape \(2, 3, 4, 19\); expected \(2, 3, 4, 20\)"),
        (3, torch.zeros(2, 1, 5), r"weight has the shape \(2, 1, 5\); expected \(2, 4, 5\)"),
        (4, torch.zeros(2, 20, 5).double(), "recurrent is torch.float64 on cpu; expected torch.float32 on cpu"),
    ):
        with pytest.raises(ValueError, match=f"scan_scalar: {message}"):
            scalar_memory._scan(*fitting[:place], wrong, *fitting[place + 1 :], None, "sigmoid")


def test_recurrent_dropout_acts_on_what_gates_read_while_training() -> None:
    """With h dropped nearly always, the outputs of a record are those of an sLSTM without R."""
    cell = SlstmCell(INPUTS, WIDTH, n_heads=2, recurrent_drop_prob=0.999)
    inputs = torch.randn(1, 6, N_RECORDS, INPUTS)
    state = tuple(part.unsqueeze(0) for part in cell.zero_state(inputs[0, 0]))
    dropped, whole = cell.train().scan([cell], inputs, state)[0], cell.eval().scan([cell], inputs, state)[0]
    assert not torch.allclose(dropped, whole)
    nn.init.zeros_(cell.weight_hh)
    torch.testing.assert_close(dropped, cell.scan([cell], inputs, state)[0])


def test_heads_share_nothing_but_inputs() -> None:
    """An earlier unit of one head reaches the later h of that head alone."""
    cell = shaken(SlstmCell(INPUTS, WIDTH, n_heads=2))
    state = random_states(cell)
    hidden = cell.scan([cell], torch.randn(1, 4, N_RECORDS, INPUTS, dtype=torch.double), state)[0]
    (reached,) = torch.autograd.grad(hidden[0, -1, 0, :2].sum(), state[:1])
    assert reached[0, 0].ne(0).tolist() == [True, True, False, False]


def test_memory_of_long_records_grows_with_their_length_alone() -> None:
    """No tensor of a run holds more than a few numbers for each step, unit and step of a chunk."""
    cell, n_steps = MlstmCell(INPUTS, 10, n_heads=2, chunk_steps=4), 400
    state = tuple(part.unsqueeze(0) for part in cell.zero_state(torch.zeros(1, INPUTS)))
    most = 0

    def size(values: Tensor) -> Tensor:
        nonlocal most
        most = max(most, values.numel())
        return values

    with torch.autograd.graph.saved_tensors_hooks(size, lambda values: values):
        MlstmCell.run([cell], torch.randn(1, n_steps, 1, INPUTS), state, lengths=torch.tensor([n_steps]))
    assert most <= n_steps * max(4 * 10 + 4, 2 * (10 // 2) * (10 // 2 + 1))


@pytest.mark.slow
def test_torch_finds_the_operator_of_slstm_consistent() -> None:
    tensors = [torch.randn(2, 3, 4, 20), *(torch.randn(2, 4, 5) for _ in range(3)), torch.randn(2, 20, 5)]
    mask = torch.rand(2, 4, 5)
    arguments = [*(one.requires_grad_() for one in tensors), mask, "sigmoid"]
    assert set(torch.library.opcheck(scalar_memory._OPERATOR.forward, arguments).values()) == {"SUCCESS"}


@pytest.mark.slow
def test_torch_finds_the_operator_of_mlstm_consistent() -> None:
    sequences = [torch.randn(2, 5, 3, requires_grad=True) for _ in range(3)]
    gates = [torch.randn(2, 5, requires_grad=True) for _ in range(2)]
    first = [torch.randn(2, 3, 4, requires_grad=True), torch.zeros(2)]
    arguments = [*sequences, *gates, *first, 2]
    assert set(torch.library.opcheck(matrix_memory._OPERATOR.forward, arguments).values()) == {"SUCCESS"}
