import os
import subprocess
import sys

import pytest

from seqlab import __version__
from seqlab.cli import main

HEAVY = ("torch", "pytorch_lightning", "hydra", "datasets", "numpy", "rich")


@pytest.mark.parametrize("words", [["--help"], ["predict", "--help"], ["evaluate", "--help"]])
def test_help_comes_without_loading_what_computes(words: list[str]) -> None:
    code = (
        "import sys\nfrom seqlab.cli import main\n"
        f"try:\n    main({words})\nexcept SystemExit as stop:\n    print('status', stop.code)\n"
        f"print('loaded', [name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: seqlab")
    assert done.stdout.splitlines()[-2:] == ["status 0", "loaded []"]


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    shown = capsys.readouterr().out
    assert all(f"\n    {command} " in shown for command in ("train", "evaluate", "predict", "data"))


def test_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"seqlab {__version__}\n"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("guess", "error: guess: there is no such command; there are train, "),
        ("trian", "did you mean train?; there are train, "),
    ],
)
def test_unknown_command_is_reported_in_one_line(word: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_user_mistakes_end_with_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "no/such/run", __file__]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "error: no/such/run: no model here; expected a run folder or its `model` folder, which holds bundle.json\n"


SPIN, CAPACITY = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"), ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "DNNL_PRIMITIVE_CACHE_CAPACITY")


@pytest.mark.parametrize(
    ("names", "given", "expected"),
    [
        (SPIN, {}, "3000"),
        (SPIN, {SPIN[0]: "7"}, "7"),
        (SPIN, {SPIN[1]: "ACTIVE"}, None),
        (CAPACITY, {}, "32"),
        (CAPACITY, {CAPACITY[0]: "7"}, "7"),
        (CAPACITY, {CAPACITY[1]: "7"}, None),
    ],
)
def test_threads_and_kernels_are_limited_unless_configured_otherwise(
    names: tuple[str, str], given: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in names:
        monkeypatch.setenv(name, "")  # so that what the command sets goes again
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert os.environ.get(names[0]) == expected
