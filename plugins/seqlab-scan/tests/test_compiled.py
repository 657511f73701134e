"""The compiled library: its numbers do not depend on batch or threads, none is lost, and its source has no fault."""

import subprocess
from pathlib import Path

import pytest
import torch
from seqlab_scan import compiled, gated, scalar_memory
from seqlab_scan.form import GatedForm
from seqlab_scan.gated import scan_gated
from seqlab_scan.triton_runs import run_triton
from torch import Tensor

from seqlab.functional.native import compiler
from seqlab.functional.native.compiler import find_compiler

N_RECORDS, WIDTH = 5, 19
needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="no C compiler is installed")


@needs_compiler
def test_the_library_loads() -> None:
    assert compiled.LIBRARY.is_usable, compiled.LIBRARY.failure


@needs_compiler
def test_a_records_numbers_are_the_same_bit_for_bit_in_any_batch_on_any_number_of_threads() -> None:
    form = GatedForm(WIDTH, "input", "tanh", "gated")
    products, first = torch.randn(2, 30, N_RECORDS, 4 * WIDTH), torch.randn(2, N_RECORDS, WIDTH)
    bias = torch.randn(2, 4 * WIDTH)

    def run(n_records: int, n_threads: int) -> Tensor:
        before = torch.get_num_threads()
        torch.set_num_threads(n_threads)
        try:
            few = products[:, :, :n_records].clone()
            return scan_gated(few, first[:, :n_records], bias=bias, form=form, algorithm="auto", zone=None)[0]
        finally:
            torch.set_num_threads(before)

    whole = run(N_RECORDS, 1)
    for n_records, n_threads in [(1, 1), (2, 1), (3, 2), (N_RECORDS, 2), (N_RECORDS, 7)]:
        assert torch.equal(run(n_records, n_threads), whole[:, :, :n_records])


@needs_compiler
def test_what_is_not_a_number_stays_so() -> None:
    form = GatedForm(1, "update", "positive", "state")
    products = torch.tensor([[torch.nan, 0.0], [1.0, torch.nan], [2.0, 1e30], [2.0, -1e30]]).view(1, 1, 4, 2)
    first, bias = torch.full((1, 4, 1), 7.0), torch.zeros(1, 2)
    found = scan_gated(products, first, bias=bias, form=form, algorithm="auto", zone=None)[0].flatten()
    assert found.isnan().tolist() == [True, True, False, False]
    assert found[2:].tolist() == [2.5, 7.0]


@pytest.mark.slow
@pytest.mark.parametrize("has_extras", [True, False])
def test_torch_finds_the_operator_consistent(has_extras: bool) -> None:
    lead, width = (2, 3, 4), 5
    skip, peepholes = torch.randn(*lead, width).requires_grad_(), torch.randn(2, 2, width).requires_grad_()
    n_columns = (3 if has_extras else 4) * width
    tensors = [torch.randn(*shape).requires_grad_() for shape in ((*lead, n_columns), (2, 4, width), (2, n_columns))]
    extras = [torch.rand(*lead, width), skip, peepholes] if has_extras else [None, None, None]
    form = [width, "forget", "identity", "highway", "tanh", 1.5]
    results = torch.library.opcheck(gated._OPERATOR.forward, [*tensors, *extras, None, "auto", *form])
    assert set(results.values()) == {"SUCCESS"}


def test_only_float32_on_a_cpu_is_compiled() -> None:
    assert not compiled.is_usable(torch.zeros(1, dtype=torch.double))
    assert not compiled.is_usable(torch.zeros(1, device="meta"))


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("extras", compiler.EXTRAS, ids=str)
@pytest.mark.parametrize("source", [one.LIBRARY.source for one in (compiled, scalar_memory)], ids=lambda path: path.name)
def test_the_source_has_no_warning(source: Path, extras: tuple[str, ...], tmp_path: Path) -> None:
    made = tmp_path / "made.o"
    flags = [*compiler.FLAGS, *extras, f"-I{compiler.HEADERS}", "-Wall", "-Wextra", "-Werror"]
    # What OpenMP and vectors change is in what the parser reads: the optimiser need warn but once.
    depth = [] if extras == compiler.EXTRAS[0] else ["-fsyntax-only"]
    done = subprocess.run(["cc", *flags, *depth, "-c", source, "-o", made], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@needs_compiler
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"products": torch.zeros(2, 3, 4, 9)}, r"products has the shape \(2, 3, 4, 9\); expected \(2, 3, 4, 10\)"),
        ({"first": torch.zeros(2, 1, 5)}, r"first has the shape \(2, 1, 5\); expected \(2, 4, 5\)"),
        ({"first": torch.zeros(2, 4, 5).double()}, "first is torch.float64 on cpu; expected torch.float32 on cpu"),
        ({"bias": torch.zeros(2, 9)}, r"bias has the shape \(2, 9\); expected \(2, 10\)"),
        ({"zone": torch.zeros(2, 3, 4, 1)}, r"zone has the shape \(2, 3, 4, 1\); expected \(2, 3, 4, 5\)"),
    ],
    ids=["products", "first", "type", "bias", "zone"],
)
def test_arrays_that_do_not_fit_are_refused(changes: dict[str, Tensor], message: str) -> None:
    fitting = {"products": torch.zeros(2, 3, 4, 10), "first": torch.zeros(2, 4, 5), "bias": torch.zeros(2, 10), "zone": None}
    form = GatedForm(5, "update", "positive", "state")
    with pytest.raises(ValueError, match=f"scan_gated: {message}"):
        compiled.scan_compiled(**{**fitting, **changes}, skip=None, peepholes=None, form=form)


def test_the_kernel_refuses_arrays_that_do_not_fit() -> None:
    values, first = torch.zeros(1, 3, 2, 5), torch.zeros(1, 2, 5, dtype=torch.double)
    with pytest.raises(ValueError, match=r"run_triton: first is torch.float64 on cpu; expected torch.float32 on cpu"):
        run_triton(values, values, first, is_reversed=False)
