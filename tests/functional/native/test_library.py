"""Libraries are compiled once into a folder that only their user can write to, and refused where C and Python disagree."""

import ctypes
import logging
import os
import re
import subprocess
from pathlib import Path

import pytest

from seqlab.functional.alignment import compiled as alignment_compiled
from seqlab.functional.linear_chain import compiled as chain_compiled
from seqlab.functional.native import (
    NUMBER,
    POINTER,
    POINTER_OR_REAL,
    REAL,
    Library,
    Structure,
    compiler,
    describe_compiler,
    describe_kernels,
    fields_of,
    library,
    without_libraries,
)
from seqlab.functional.recurrence import compiled

LIBRARIES = [compiled.LIBRARY, chain_compiled.LIBRARY, alignment_compiled.LIBRARY]
SMALL = """
#include "layout.h"
typedef struct { const double *values; double everywhere; } Zone;
typedef struct { int64_t n_steps; } Size;
typedef struct { Size size; int64_t width; double scale; const float *x; Zone zone; } Small;
LAYOUT(Small, size.n_steps, width, scale, x, zone.values, zone.everywhere);
int seqlab_small(const Small *p) { return p->size.n_steps == 7 && p->scale == 0.5 && p->zone.everywhere == 0.25; }
"""
FIELDS = [
    *fields_of(NUMBER, "width"),
    *fields_of(REAL, "scale"),
    *fields_of(POINTER, "x"),
    *fields_of(POINTER_OR_REAL, "zone"),
]
STRUCTURE = Structure("Small", ("n_steps",), FIELDS)
needs_compiler = pytest.mark.skipif(compiler.find_compiler() is None, reason="no C compiler is installed")


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Keep libraries in a folder of the test, and report every failure anew."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(library, "_reported", set())
    return tmp_path / "seqlab"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "small.c"
    path.write_text(SMALL, encoding="utf-8")
    return path


def small(source: Path, structure: Structure = STRUCTURE) -> Library:
    return Library(source, work="small things", structures=[structure])


@needs_compiler
@pytest.mark.parametrize("made", LIBRARIES, ids=lambda made: made.source.name)
def test_every_source_compiles_and_reads_what_python_packs(made: Library) -> None:
    assert made.is_usable, made.failure
    assert made.structures


@needs_compiler
def test_a_function_reads_the_packed_structure(source: Path) -> None:
    made = small(source)
    made.run("seqlab_small", STRUCTURE, [7], {"scale": 0.5, "zone": 0.25})
    assert describe_kernels()["small things"] == f"compiled: {' '.join(made.flags)}"
    with pytest.raises(MemoryError, match=r"seqlab_small: .*max_tokens"):
        made.run("seqlab_small", STRUCTURE, [8], {"scale": 0.5, "zone": 0.25})


WRONG = {
    "size": (FIELDS[:-1], "Small has 48 bytes in C, 32 in Python"),
    "order": ([*FIELDS[1:], FIELDS[0]], r"Small.scale is \(8, 8, 'd'\) in Python, but C has width \(8, 8, 'q'\)"),
    "kind": ([("width", REAL), *FIELDS[1:]], r"Small.width is \(8, 8, 'd'\) in Python, but C has width \(8, 8, 'q'\)"),
    "name": ([("height", NUMBER), *FIELDS[1:]], r"Small.height is .* in Python, but C has width"),
}


@needs_compiler
@pytest.mark.parametrize("fault", WRONG)
def test_a_structure_that_c_reads_differently_refuses_the_library(
    fault: str, source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fields, message = WRONG[fault]
    made = small(source, Structure("Small", ("n_steps",), fields))
    assert made.loaded is None
    assert not made.is_usable
    assert made.failure is not None
    assert re.match(message, made.failure)
    assert "small things run in PyTorch" in caplog.text


@needs_compiler
def test_a_structure_that_the_library_does_not_report_refuses_it(source: Path) -> None:
    made = small(source, Structure("Other", ("n_steps",), FIELDS))
    assert made.loaded is None
    assert made.failure == "the library reports no layout of Other"


def test_without_a_compiler_one_line_names_all_that_is_slower(
    monkeypatch: pytest.MonkeyPatch, source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(compiler, "COMPILERS", ("no-such-compiler",))
    first, second = small(source), small(source)
    assert not first.is_usable
    assert not second.is_usable
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert line.startswith("compiled kernels unavailable (no C compiler found): CRFs, CTC and HMM alignments, ")
    assert "recurrences" in line
    assert line.endswith("run in PyTorch, several times slower; install gcc or clang")
    assert describe_compiler()["version"] is None
    assert describe_kernels()["small things"] == "PyTorch: no C compiler found"


@needs_compiler
def test_a_source_that_does_not_compile_is_reported_once(source: Path, caplog: pytest.LogCaptureFixture) -> None:
    source.write_text("int seqlab_small(void) { return nonsense; }", encoding="utf-8")
    assert small(source).loaded is None
    assert small(source).loaded is None
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "small.c" in line
    assert "nonsense" in line
    assert "small things run in PyTorch, several times slower" in line


@needs_compiler
def test_a_missing_source_is_reported(source: Path) -> None:
    source.unlink()
    made = small(source)
    assert made.loaded is None
    assert made.failure == f"{source} is missing"


@needs_compiler
def test_a_compiler_that_fails_is_no_obstacle(monkeypatch: pytest.MonkeyPatch, source: Path) -> None:
    monkeypatch.setattr(compiler, "FLAGS", ("--no-such-flag",))
    assert small(source).loaded is None


@needs_compiler
def test_a_library_is_compiled_once(monkeypatch: pytest.MonkeyPatch, cache: Path, source: Path) -> None:
    assert isinstance(small(source).loaded, ctypes.CDLL)
    (made,) = cache.glob("small-*.so")
    assert cache.stat().st_mode & 0o777 == 0o700
    calls = []
    monkeypatch.setattr(compiler, "_run", lambda *command: calls.append(command))
    assert isinstance(small(source).loaded, ctypes.CDLL)
    assert not calls
    assert list(cache.iterdir()) == [made]


@needs_compiler
def test_another_source_is_another_library(cache: Path, source: Path) -> None:
    assert small(source).is_usable
    source.write_text(SMALL.replace("7", "8"), encoding="utf-8")
    assert small(source).is_usable
    assert len(list(cache.iterdir())) == 2


@needs_compiler
def test_a_library_can_be_switched_off(source: Path) -> None:
    made = small(source)
    with without_libraries():
        assert not made.is_usable
    assert made.is_usable


@needs_compiler
@pytest.mark.skipif(os.name != "posix", reason="no such permissions")
def test_a_cache_that_others_can_write_to_is_not_used(cache: Path, source: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache.mkdir()
    cache.chmod(0o777)
    assert isinstance(small(source).loaded, ctypes.CDLL)
    assert isinstance(small(source).loaded, ctypes.CDLL)
    assert not list(cache.iterdir())
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"compiled kernels are not kept in {cache} (it must be writable by you and nobody else)")
    assert "set XDG_CACHE_HOME" in line


@needs_compiler
@pytest.mark.parametrize("extras", compiler.EXTRAS, ids=str)
@pytest.mark.parametrize("source", [made.source for made in LIBRARIES], ids=lambda source: source.name)
def test_the_sources_have_no_warning(source: Path, extras: tuple[str, ...], tmp_path: Path) -> None:
    flags = [*compiler.FLAGS, *extras, f"-I{compiler.HEADERS}", "-Wall", "-Wextra", "-Werror"]
    command = ["cc", *flags, "-c", source, "-o", tmp_path / "made.o"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
