"""The Triton kernel without a GPU: its interpreter gives the loop's numbers, and its compiler makes code for GPUs of it.

In processes of their own: Triton reads its settings on import, and takes no functions that the import hook has wrapped.
"""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch
from seqlab_scan.triton_runs import is_usable

needs_triton = pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed: pip install triton")

INTERPRETED = """
import torch
from seqlab_scan.linear import run_loop
from seqlab_scan.triton_kernel import TILE_STEPS, TILE_UNITS, run_kernel

torch.manual_seed(0)
for n_steps in (0, 1, TILE_STEPS + 3):
    shape = (2, n_steps, 3, TILE_UNITS // 2)
    keep, entered, first = torch.rand(shape), torch.randn(shape), torch.randn(2, 3, TILE_UNITS // 2)
    for is_reversed in (False, True):
        found, expected = (run(keep, entered, first, is_reversed=is_reversed) for run in (run_kernel, run_loop))
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
print("equal")
"""
COMPILED = """
import triton
from seqlab_scan.triton_kernel import TILE_STEPS, TILE_UNITS, linear_kernel
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

pointers = dict.fromkeys(["keep", "entered", "first", "found"], "*fp32")
numbers = dict.fromkeys(["n_steps", "n_units"], "i32")
for is_reversed in (False, True):
    fixed = {"is_reversed": is_reversed, "tile_steps": TILE_STEPS, "tile_units": TILE_UNITS}
    source = ASTSource(linear_kernel, {**pointers, **numbers, **dict.fromkeys(fixed, "constexpr")}, fixed)
    made = triton.compile(source, target=GPUTarget("cuda", 80, 32))
    assert "linear_kernel" in made.asm["ptx"]
print("compiled")
"""


def run(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@needs_triton
def test_the_kernel_gives_the_numbers_of_the_loop() -> None:
    assert run(INTERPRETED, TRITON_INTERPRET="1") == "equal"


@needs_triton
@pytest.mark.slow
def test_the_kernel_compiles_for_gpus() -> None:
    assert run(COMPILED, TRITON_INTERPRET="0") == "compiled"


def test_a_cpu_does_without_it() -> None:
    assert not is_usable(torch.zeros(1))
