"""Libraries are compiled once into a folder that only their user can write to, and refused where they report a wrong layout."""

import logging
import os
import subprocess
from pathlib import Path

import pytest
import torch

from seqlab.functional.alignment import compiled as alignment_compiled
from seqlab.functional.linear_chain import compiled as chain_compiled
from seqlab.functional.native import Library, compiler, describe_compiler, describe_kernels, library, without_libraries
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
LAYOUT = "LAYOUT(Small, size.n_steps, width, scale, x, zone.values, zone.everywhere);"
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


def small(source: Path, structure: str = "Small") -> Library:
    return Library(source, work="small things", structures=[structure])


@needs_compiler
@pytest.mark.parametrize("made", LIBRARIES, ids=lambda made: made.source.name)
def test_every_source_compiles_and_reads_what_python_packs(made: Library) -> None:
    assert made.is_usable, made.failure
    assert made.structures


@needs_compiler
def test_a_function_reads_the_packed_structure(source: Path) -> None:
    made = small(source)
    made.run("seqlab_small", "Small", [7], {"scale": 0.5, "zone": 0.25})
    assert describe_kernels()["small things"] == f"compiled: {' '.join(made.flags)}"
    with pytest.raises(MemoryError, match=r"seqlab_small: .*max_tokens"):
        made.run("seqlab_small", "Small", [8], {"scale": 0.5, "zone": 0.25})


@needs_compiler
def test_python_packs_fields_where_c_has_them(source: Path) -> None:
    """In another order, with a zone of one value each, whose number C must not see, and a number for a missing field."""
    changed = SMALL.replace("int64_t width; double scale; const float *x; Zone zone", "Zone zone; double scale; int64_t width")
    changed = changed.replace("width, scale, x, zone.values, zone.everywhere", "zone.values, zone.everywhere, scale, width")
    assert changed.count("scale") == SMALL.count("scale")
    condition = "p->zone.values[1] == 0.5 && p->zone.everywhere == 0 && p->scale == 0 && p->width == 3"
    source.write_text(changed.replace("p->scale == 0.5 && p->zone.everywhere == 0.25", condition), encoding="utf-8")
    made = small(source)
    made.run("seqlab_small", "Small", [7], {"zone": torch.tensor([0.25, 0.5], dtype=torch.float64), "width": 3})
    with pytest.raises(AssertionError, match="'x'"):
        made.run("seqlab_small", "Small", [7], {"x": None})


WRONG = {
    "missing": LAYOUT.replace(" width,", ""),
    "missing at the end": LAYOUT.replace(", zone.everywhere", ""),
    "order": LAYOUT.replace("width, scale", "scale, width"),
    "twice": LAYOUT.replace("width", "width, width"),
}


@needs_compiler
@pytest.mark.parametrize("fault", WRONG)
def test_a_layout_without_all_fields_in_order_refuses_the_library(
    fault: str, source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert WRONG[fault] != LAYOUT
    source.write_text(SMALL.replace(LAYOUT, WRONG[fault]), encoding="utf-8")
    made = small(source)
    assert made.loaded is None
    assert not made.is_usable
    assert made.failure == "the layout of Small does not list all fields of the structure in their order"
    assert "small things run in PyTorch" in caplog.text


@needs_compiler
def test_a_structure_that_the_library_does_not_report_refuses_it(source: Path) -> None:
    made = small(source, "Other")
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
    assert small(source).is_usable
    (made,) = cache.glob("small-*.so")
    assert cache.stat().st_mode & 0o777 == 0o700
    calls = []
    monkeypatch.setattr(compiler, "_run", lambda *command: calls.append(command))
    assert small(source).is_usable
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
    assert small(source).is_usable
    assert small(source).is_usable
    assert not list(cache.iterdir())
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"compiled kernels are not kept in {cache} (it must be writable by you and nobody else)")
    assert "set XDG_CACHE_HOME" in line


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("extras", compiler.EXTRAS, ids=str)
@pytest.mark.parametrize("source", [made.source for made in LIBRARIES], ids=lambda source: source.name)
def test_the_sources_have_no_warning(source: Path, extras: tuple[str, ...], tmp_path: Path) -> None:
    flags = [*compiler.FLAGS, *extras, f"-I{compiler.HEADERS}", "-Wall", "-Wextra", "-Werror"]
    # What OpenMP and vectors change is in what the parser reads: the optimiser need warn but once.
    depth = [] if extras == compiler.EXTRAS[0] else ["-fsyntax-only"]
    command = ["cc", *flags, *depth, "-c", source, "-o", tmp_path / "made.o"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
