"""Every way to run a gated recurrence equals its steps one after another, in values and in all gradients."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from seqlab_scan import compiled
from seqlab_scan.form import ACTIVATIONS, GatedForm, log_positive, positive
from seqlab_scan.gated import ALGORITHMS, scan_gated
from torch import Tensor

from seqlab.functional.native import without_libraries
from seqlab.functional.native.compiler import find_compiler

N_DIRECTIONS, N_RECORDS, WIDTH = 2, 5, 19
FORMS = {
    "minGRU": GatedForm(WIDTH, "update", "positive", "state"),
    "minLSTM": GatedForm(WIDTH, "normalised", "positive", "state"),
    "SRU": GatedForm(WIDTH, "forget", "identity", "highway", "identity", 1.7),
    "SRU tanh": GatedForm(WIDTH, "forget", "identity", "highway", "tanh", 0.6),
    "QRNN f": GatedForm(WIDTH, "forget", "tanh", "state"),
    "QRNN fo": GatedForm(WIDTH, "forget", "tanh", "gated"),
    "QRNN ifo": GatedForm(WIDTH, "input", "tanh", "gated"),
    "positive ifo": GatedForm(WIDTH, "input", "positive", "gated"),
}
RUNS: dict[str, tuple[str, Callable[[], Any], torch.dtype]] = {
    "compiled": ("auto", nullcontext, torch.float32),
    "tensors": ("auto", without_libraries, torch.float32),
    **{name: (name, nullcontext, torch.float32) for name in ALGORITHMS if name != "auto"},
    **{f"{name}, double": (name, nullcontext, torch.float64) for name in ALGORITHMS},
}
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-10}


@contextmanager
def way(run: str) -> Iterator[tuple[str, torch.dtype]]:
    """Enter one of `RUNS`: yield the algorithm and the type of the numbers."""
    algorithm, context, dtype = RUNS[run]
    if run == "compiled" and find_compiler() is None:
        pytest.skip("no C compiler is installed")
    assert run != "compiled" or compiled.LIBRARY.is_usable, compiled.LIBRARY.failure
    with context():
        yield algorithm, dtype


def problem(form: GatedForm, n_steps: int, dtype: torch.dtype, *extras: str) -> dict[str, Tensor]:
    """Return random tensors to run `form` over, with gradients; of `extras`, `peepholes` and a `skip` beside the products."""
    lead = (N_DIRECTIONS, n_steps, N_RECORDS)
    n_columns = (form.n_blocks + (form.output == "highway" and "skip" not in extras)) * WIDTH
    made = {
        "products": torch.randn(*lead, n_columns),
        "first": torch.randn(N_DIRECTIONS, N_RECORDS, WIDTH),
        "bias": torch.randn(N_DIRECTIONS, n_columns),
        "skip": torch.randn(*lead, WIDTH),
        "peepholes": torch.randn(N_DIRECTIONS, 2, WIDTH),
    }
    kept = {"products", "first", "bias", *extras}
    return {name: value.to(dtype).requires_grad_() for name, value in made.items() if name in kept}


def zone_of(kind: str, given: dict[str, Tensor]) -> Tensor | float | None:
    if kind != "drawn":
        return {"quiet": None, "mean": 0.2}[kind]
    products = given["products"]
    drawn = torch.rand(*products.shape[:3], WIDTH) < 0.3
    drawn[:, 0] = True  # nothing enters at first, and the logarithm of that is minus infinity
    return drawn.to(products.dtype)


def by_steps(form: GatedForm, given: dict[str, Tensor], *, zone: Tensor | float | None) -> tuple[Tensor, Tensor]:
    """Return h and c, from step to step."""
    state, made, seen = given["first"], [], None
    if "peepholes" in given:
        seen = (given["peepholes"][:, :1], given["peepholes"][:, 1:])
    for t, product in enumerate(given["products"].unbind(1)):
        skip = given["skip"][:, t] if "skip" in given else None
        share = zone[:, t] if isinstance(zone, Tensor) else zone
        hidden, state, _ = form.step(product + given["bias"].unsqueeze(1), state, skip=skip, peepholes=seen, zone=share)
        made.append((hidden, state))
    hidden, states = (torch.stack(values, 1) for values in zip(*made, strict=True))
    return hidden, states


def outcomes(run: Callable[[], tuple[Tensor, Tensor]], given: dict[str, Tensor]) -> list[Tensor]:
    """Return h, c and the gradients of what is `given`, whether a loss sees both or one of them alone."""
    hidden, states = run()
    found = [hidden, states]
    for seen in ((hidden, states), (hidden,), (states,)):
        loss = sum((torch.sin((2 + i) * value) * torch.linspace(0.1, 1, WIDTH)).sum() for i, value in enumerate(seen))
        found += torch.autograd.grad(loss, list(given.values()), retain_graph=True, allow_unused=True, materialize_grads=True)
    return found


def assert_runs_as_steps(form: GatedForm, given: dict[str, Tensor], zone: Tensor | float | None, algorithm: str) -> None:
    expected = outcomes(lambda: by_steps(form, given, zone=zone), given)
    free = {name: value for name, value in given.items() if name != "products"}
    for lies_apart in (False, True):

        def run(lies_apart: bool = lies_apart) -> tuple[Tensor, Tensor]:
            products = given["products"].clone()
            if lies_apart:  # records one after another in memory, as encoders of one direction have them
                products = products.transpose(1, 2).contiguous().transpose(1, 2)
            return scan_gated(products, **free, form=form, algorithm=algorithm, zone=zone)

        tolerance = TOLERANCES[zone.dtype if isinstance(zone, Tensor) else given["first"].dtype]
        for found, other in zip(outcomes(run, given), expected, strict=True):
            torch.testing.assert_close(found, other, atol=tolerance * max(1, other.abs().max().item()), rtol=0)


def assert_runs(name: str, run: str, *extras: str, n_steps: int = 35, zone: str = "quiet") -> None:
    with way(run) as (algorithm, dtype):
        given = problem(FORMS[name], n_steps, dtype, *extras)
        assert_runs_as_steps(FORMS[name], given, zone_of(zone, given), algorithm)


def can_run(name: str, run: str) -> bool:
    return RUNS[run][0] != "log_space" or FORMS[name].candidate == "positive"


each_form_and_run = pytest.mark.parametrize(
    ("name", "run"), [(name, run) for name in FORMS for run in RUNS if can_run(name, run)]
)


@each_form_and_run
def test_a_run_equals_its_steps(name: str, run: str) -> None:
    zones = ("quiet", "drawn", "mean")  # each with every form, and with every run
    assert_runs(name, run, zone=zones[(list(FORMS).index(name) + list(RUNS).index(run)) % 3])


@pytest.mark.parametrize("n_steps", [1, 2, 16, 17])
@pytest.mark.parametrize("run", RUNS)
def test_a_run_of_any_length_equals_its_steps(run: str, n_steps: int) -> None:
    assert_runs("positive ifo", run, n_steps=n_steps)


@pytest.mark.parametrize("run", ["blocks", "blocks, double"])
def test_blocks_of_blocks_equal_their_steps(run: str) -> None:
    assert_runs("QRNN f", run, n_steps=270)


@pytest.mark.parametrize("zone", ["quiet", "drawn", "mean"])
@pytest.mark.parametrize("extras", [("skip",), ("peepholes",), ("skip", "peepholes")], ids="+".join)
@pytest.mark.parametrize("run", ["compiled", "tensors", "auto, double"])
def test_highways_and_peepholes_equal_their_steps(run: str, extras: tuple[str, ...], zone: str) -> None:
    assert_runs("SRU tanh", run, *extras, zone=zone)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("run", ["compiled", "blocks, double"])
def test_any_activation_takes_any_role(run: str, activation: str) -> None:
    form = GatedForm(WIDTH, "forget", activation, "highway", activation, 1.3)
    with way(run) as (algorithm, dtype):
        given = problem(form, 9, dtype)
        assert_runs_as_steps(form, given, None, algorithm)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_gradients_are_those_of_differences(algorithm: str) -> None:
    form = GatedForm(1, "normalised", "positive", "gated", "tanh")
    given = (torch.randn(1, 18, 1, 4), torch.rand(1, 1, 1), torch.randn(1, 4))

    def run(products: Tensor, first: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        return scan_gated(products.clone(), first, bias=bias, form=form, algorithm=algorithm, zone=0.1)

    assert torch.autograd.gradcheck(run, [one.double().requires_grad_() for one in given], fast_mode=True)


@each_form_and_run
def test_saturated_gates_stay_finite_over_long_records(name: str, run: str) -> None:
    """Gates are all but open or shut for 600 steps: the sums of their logarithms go to 18,000 and beyond."""
    form = FORMS[name]
    with way(run) as (algorithm, dtype):
        given = problem(form, 600, dtype)
        pushed = torch.where(torch.rand(given["bias"].shape) < 0.5, 60.0, -60.0).to(dtype)
        pushed[..., :WIDTH] = 0  # of the candidates
        given["bias"] = pushed.requires_grad_()
        inputs = {**given, "products": given["products"].clone()}
        found = scan_gated(**inputs, form=form, algorithm=algorithm, zone=None)
        gradients = torch.autograd.grad(sum(x.sum() for x in found), list(given.values()))
    assert all(bool(x.isfinite().all()) for x in (*found, *gradients))
    double = {key: value.detach().double() for key, value in given.items()}
    exact = scan_gated(**double, form=form, algorithm="loop", zone=None)
    for one, other in zip(found, exact, strict=True):
        torch.testing.assert_close(one.double(), other, atol=1e-5 * max(1, other.abs().max().item()), rtol=0)


@pytest.mark.parametrize("name", ["minGRU", "minLSTM"])
@pytest.mark.parametrize("run", ["compiled", "loop", "blocks", "log_space"])
def test_float32_loses_no_digits_in_long_records(run: str, name: str) -> None:
    """After 4,000 steps every number is that of float64 but for its last bits."""
    given = {key: value.detach() for key, value in problem(FORMS[name], 4000, torch.float32).items()}
    given["first"].abs_()  # a sum of positive numbers, of which none cancels another
    double = {key: value.double() for key, value in given.items()}
    exact = scan_gated(**double, form=FORMS[name], algorithm="loop", zone=None)[0]
    with way(run) as (algorithm, _):
        found = scan_gated(**given, form=FORMS[name], algorithm=algorithm, zone=None)[0]
    assert ((found - exact) / exact).abs().max() < 3e-6


def test_the_positive_function_joins_at_zero_and_its_logarithm_is_finite() -> None:
    x = torch.tensor([-200.0, -3.0, 0.0, 4.0])
    assert positive(x).tolist() == [0.0, torch.sigmoid(torch.tensor(-3.0)).item(), 0.5, 4.5]
    torch.testing.assert_close(log_positive(x), torch.tensor([-200.0, -3.048587, -0.693147, 1.504077]))
