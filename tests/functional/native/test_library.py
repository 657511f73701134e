"""Libraries are compiled once, where there is a compiler, into a folder that only their user can write to."""

import ctypes
import os
import subprocess
from pathlib import Path

import pytest

from seqlab.functional.alignment import compiled as alignment_compiled
from seqlab.functional.linear_chain import compiled as chain_compiled
from seqlab.functional.native import Library, library, without_libraries
from seqlab.functional.recurrence import compiled

SOURCES = {each.source.name: each.source for each in (compiled.LIBRARY, chain_compiled.LIBRARY, alignment_compiled.LIBRARY)}
SMALL = "int seqlab_three(const void *p) { return p ? 3 : 0; }"
needs_compiler = pytest.mark.skipif(not compiled.LIBRARY.is_usable, reason="no C compiler here")


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the folder that libraries are kept in during the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "seqlab"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "small.c"
    path.write_text(SMALL, encoding="utf-8")
    return path


def test_without_a_compiler_there_is_no_library(monkeypatch: pytest.MonkeyPatch, cache: Path, source: Path) -> None:
    monkeypatch.setattr(library, "COMPILERS", ("no-such-compiler",))
    assert Library(source).loaded is None
    assert not Library(source).is_usable


@needs_compiler
def test_a_compiler_that_fails_is_no_obstacle(monkeypatch: pytest.MonkeyPatch, cache: Path, source: Path) -> None:
    monkeypatch.setattr(library, "FLAGS", ("--no-such-flag",))
    assert Library(source).loaded is None


@needs_compiler
def test_a_library_is_compiled_once(monkeypatch: pytest.MonkeyPatch, cache: Path, source: Path) -> None:
    assert isinstance(Library(source).loaded, ctypes.CDLL)
    (made,) = cache.glob("small-*.so")
    assert cache.stat().st_mode & 0o777 == 0o700
    calls = []
    monkeypatch.setattr(library, "_call", lambda *command: calls.append(command))
    assert isinstance(Library(source).loaded, ctypes.CDLL)
    assert not calls
    assert list(cache.iterdir()) == [made]


@needs_compiler
def test_another_source_is_another_library(cache: Path, source: Path) -> None:
    assert Library(source).is_usable
    source.write_text(SMALL.replace("3", "4"), encoding="utf-8")
    assert Library(source).is_usable
    assert len(list(cache.iterdir())) == 2


@needs_compiler
def test_a_library_can_be_switched_off(cache: Path, source: Path) -> None:
    made = Library(source)
    with without_libraries():
        assert not made.is_usable
    assert made.is_usable


@needs_compiler
def test_a_function_that_finds_no_memory_is_an_error(cache: Path, source: Path) -> None:
    made = Library(source)
    made.call("seqlab_three", b"x")
    source.write_text("int seqlab_none(const void *p) { return !p; }", encoding="utf-8")
    with pytest.raises(MemoryError, match=r"seqlab_none: .*max_tokens"):
        Library(source).call("seqlab_none", b"x")


@needs_compiler
@pytest.mark.skipif(os.name != "posix", reason="no such permissions")
def test_a_cache_that_others_may_write_to_is_not_used(cache: Path, source: Path) -> None:
    cache.mkdir()
    cache.chmod(0o777)
    assert isinstance(Library(source).loaded, ctypes.CDLL)
    assert not list(cache.iterdir())


@needs_compiler
@pytest.mark.parametrize("extras", library.EXTRAS, ids=str)
@pytest.mark.parametrize("name", SOURCES)
def test_the_sources_have_no_warning(name: str, extras: tuple[str, ...], tmp_path: Path) -> None:
    command = [
        "cc",
        *library.FLAGS,
        *extras,
        f"-I{library.HEADERS}",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-c",
        SOURCES[name],
        "-o",
        tmp_path / "made.o",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
