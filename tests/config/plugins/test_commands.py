"""Commands that plugins bring, through entry points of distributions that lie in a folder on the path."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import invalidate_caches
from pathlib import Path

import pytest

from seqlab.cli import main

Bring = Callable[..., None]
PRINTING = "def run(words):\n    print('words', words)\n    return 5\n"


@pytest.fixture
def bring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bring]:
    """Return what installs a distribution with a command, for the time of a test."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def bring_one(
        command: str, *, code: str = PRINTING, distribution: str = "seqlab-shouting", summary: str = "Shouts 100 %"
    ) -> None:
        module = f"brought_{command}_{distribution.rpartition('-')[2]}"
        (tmp_path / f"{module}.py").write_text(code, encoding="utf-8")
        info = tmp_path / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\nSummary: {summary}\n"
        (info / "METADATA").write_text(metadata, encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[seqlab.commands]\n{command} = {module}:run\n", encoding="utf-8")
        invalidate_caches()

    yield bring_one
    for module in [name for name in sys.modules if name.startswith("brought_")]:
        del sys.modules[module]


def test_a_command_gets_the_words_as_they_are_and_gives_the_status(bring: Bring, capsys: pytest.CaptureFixture[str]) -> None:
    bring("shout")
    assert main(["shout", "loud", "--help", "-x", "--option=1", "--version"]) == 5
    assert capsys.readouterr().out == "words ['loud', '--help', '-x', '--option=1', '--version']\n"
    assert main(["shout"]) == 5


def test_help_lists_a_command_without_importing_it(bring: Bring, tmp_path: Path) -> None:
    bring("shout", code="raise SystemExit('imported')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from seqlab.cli import main; main(['--help'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "    shout     Shouts 100 %\n" in done.stdout


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'"),
        ("def run(words:\n", "SyntaxError"),
        ("raise SystemExit(1)", "SystemExit: 1"),
        ("x = 1", "AttributeError: module 'brought_shout_shouting' has no attribute 'run'"),
    ],
)
def test_a_broken_command_is_reported_with_its_distribution(
    code: str, message: str, bring: Bring, capsys: pytest.CaptureFixture[str]
) -> None:
    bring("shout", code=code)
    assert main(["shout"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: the command shout of seqlab-shouting 1.2 (brought_shout_shouting:run) cannot be loaded: ")
    assert message in err
    assert err.count("\n") == 1


def test_a_command_of_two_distributions_is_refused(bring: Bring, capsys: pytest.CaptureFixture[str]) -> None:
    bring("shout")
    bring("shout", distribution="seqlab-crying")
    assert main(["shout"]) == 2
    err = capsys.readouterr().err
    assert (
        "both seqlab-crying 1.2 and seqlab-shouting 1.2 bring a command shout; leave one out with SEQLAB_WITHOUT=seqlab-crying"
        in err
    )


def test_built_in_commands_stay_what_they_are(bring: Bring, capsys: pytest.CaptureFixture[str]) -> None:
    bring("describe")
    with pytest.raises(SystemExit, match="0"):
        main(["describe", "--help"])
    assert capsys.readouterr().out.startswith("usage: seqlab describe")


@pytest.mark.parametrize("name", ["shout", "seqlab-shouting"])
def test_commands_are_left_out_as_plugins_are(
    name: str, bring: Bring, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bring("shout")
    monkeypatch.setenv("SEQLAB_WITHOUT", name)
    assert main(["shout"]) == 2
    assert "shout: there is no such command" in capsys.readouterr().err


DAMAGED = "[seqlab.commands]\nshout\n"


@pytest.fixture
def _damaged(bring: Bring, tmp_path: Path) -> None:
    """Bring `whisper`, and `shout`, whose installation is damaged."""
    bring("whisper", distribution="seqlab-whispering")
    bring("shout")
    (tmp_path / "seqlab_shouting-1.2.dist-info" / "entry_points.txt").write_text(DAMAGED, encoding="utf-8")


@pytest.mark.usefixtures("_damaged")
def test_a_damaged_installation_is_warned_of_where_its_command_may_be_meant(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert main(["whisper"]) == 5
    assert main(["shout"]) == 2
    assert "shout: there is no such command" in capsys.readouterr().err
    assert len(caplog.records) == 2
    warning = r"plugin 'seqlab-shouting' .* left out: entry_points\.txt of its installation cannot be read \(.*\); reinstall it"
    assert all(re.search(warning, record.getMessage()) for record in caplog.records)


@pytest.mark.usefixtures("_damaged")
def test_built_in_commands_do_not_look_at_damaged_installations(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert main(["plugins"]) == 0
    assert capsys.readouterr().out.startswith("name ")
    assert not caplog.records


@pytest.mark.usefixtures("_damaged")
def test_a_damaged_installation_that_is_left_out_is_not_warned_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SEQLAB_WITHOUT", "seqlab-shouting")
    assert main(["whisper"]) == 5
    assert capsys.readouterr().out == "words []\n"
    assert not caplog.records
