"""`seqlab plugins`, and classes in bare Python files from the command line."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from seqlab import __version__
from seqlab.cli import main
from seqlab.cli.plugins import KINDS as KINDS_SHOWN
from seqlab.cli.plugins import _print_by_plugin
from seqlab.config.plugins import discover
from seqlab.config.plugins.authoring import KINDS

FAULTY = {"encoder/doubled": "_target_: {package}.Doubled\ncolour: red\n"}


def rows(printed: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line.strip()) for line in printed.splitlines()]


def test_the_list_says_what_each_adds_and_where_it_is_from(install: Any, capsys: pytest.CaptureFixture[str]) -> None:
    package = install("twice")
    install("bare", options={})
    assert main(["plugins"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    heading, *lines = rows(out)
    assert heading == ["name", "version", "distribution", "from", "adds", "options"]
    assert ["twice", "1.2", "seqlab-twice", f"{package} (installed)", "encoder", "doubled"] in lines
    built_in = [line for line in lines if line[:3] == ["seqlab", __version__, "seqlab"]]
    assert all(line[3].endswith("/seqlab (built in)") for line in built_in)
    assert next(line[5] for line in built_in if line[4] == "encoder").startswith("chain, gru, gru_2014")
    (bare,) = [line for line in lines if line[0] == "bare"]
    assert bare[3] == "left out"
    assert "package 'seqlab_bare' has no folder `conf`" in bare[4]


def test_the_list_as_json_has_the_same(install: Any, capsys: pytest.CaptureFixture[str]) -> None:
    package = install("twice")
    install("bare", options={})
    assert main(["plugins", "--json"]) == 0
    content = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert content["twice"] == {
        "name": "twice",
        "version": "1.2",
        "distribution": "seqlab-twice",
        "from": str(package),
        "origin": "installed",
        "options": {"encoder": ["doubled"]},
        "left_out": None,
    }
    assert "lstm" in content["seqlab"]["options"]["encoder"]
    assert "has no folder `conf`" in content["bare"]["left_out"]


def test_the_list_imports_neither_plugins_nor_torch(install: Any) -> None:
    package = install("loud", code="raise SystemExit('imported')\n")
    code = "import sys\nfrom seqlab.cli import main\nmain(['plugins'])\nprint('torch' in sys.modules)"
    path = f"import sys; sys.path.insert(0, {str(package.parent)!r})\n"
    done = subprocess.run([sys.executable, "-c", path + code], capture_output=True, text=True, check=True)
    assert "loud" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"


def test_a_name_that_is_left_out_in_vain_is_reported(
    install: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install("twice")
    monkeypatch.setenv("SEQLAB_WITHOUT", "twise")
    install.forget()
    assert main(["plugins"]) == 0
    err = capsys.readouterr().err
    assert re.fullmatch(r"SEQLAB_WITHOUT names 'twise', .*; did you mean twice\?; installed: .*\n", err)


def test_the_doctor_ends_with_1_where_something_is_broken(
    install: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    install("faulty", options=FAULTY)
    install("bare", options={})
    install("sound", options={"encoder/sound": "_target_: {package}.Doubled\nfactor: 1\n"})
    others = {one.name for one in discover().plugins} - {"faulty", "sound"}
    monkeypatch.setenv("SEQLAB_WITHOUT", ",".join(others))  # else all that happens to be installed is examined
    install.forget()
    assert main(["plugins", "doctor", "sound"]) == 0
    assert capsys.readouterr().out == "sound (seqlab-sound 1.2): sound\n"
    assert main(["plugins", "doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(re.match(r"bare \(seqlab-bare 1\.2\): error: left out: package", line) for line in lines)
    assert any(re.match(r"faulty \(seqlab-faulty 1\.2\): error: encoder/doubled: encoder\.colour", line) for line in lines)
    assert "sound (seqlab-sound 1.2): sound" in lines
    assert not caplog.records, "left-out plugins are reported twice"
    assert main(["plugins", "doctor", "faulty", "--json"]) == 1
    (report,) = json.loads(capsys.readouterr().out)
    assert (report["name"], report["broken"], report["findings"][0]["severity"]) == ("faulty", True, "error")


def test_the_doctor_reports_an_unknown_name_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "doctor", "nobody"]) == 2
    assert re.fullmatch(r"error: there is no plugin 'nobody'; installed: seqlab.*\n", capsys.readouterr().err)


def test_a_new_plugin_is_written_where_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "new", "my_encoder", "--kind", "encoder", "--dir", str(tmp_path / "deep")]) == 0
    root = tmp_path / "deep" / "seqlab-my-encoder"
    printed = capsys.readouterr().out.splitlines()
    assert printed[:-2] == sorted(str(path) for path in root.rglob("*") if path.is_file())
    assert printed[-1] == f"next: cd {root} && pip install -e . && pytest"
    assert main(["plugins", "new", "my_encoder", "--kind", "encoder", "--dir", str(tmp_path / "deep")]) == 2
    assert capsys.readouterr().err == (f"error: {root} exists already; choose another name, or another folder with --dir\n")


def test_the_kinds_are_those_that_the_template_has() -> None:
    assert tuple(KINDS) == KINDS_SHOWN


def test_a_plugin_that_is_left_out_is_reported_in_a_line_and_the_command_goes_on(
    install: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own: the line goes to standard error by way of logging."""
    site = install("bare", options={}).parent
    install("first")
    install("second")
    code = f"import sys\nsys.path.insert(0, {str(site)!r})\nfrom seqlab.cli import main\nsys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "train", "--cfg", "job"]
    done = subprocess.run([*command, "encoder=gru"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0
    assert "_target_: seqlab.encoders.GruCell" in done.stdout
    lines = done.stderr.splitlines()
    assert [line.split(" is left out: ")[0] for line in lines] == [
        "plugin 'bare' (seqlab-bare 1.2)",
        "plugin 'first' (seqlab-first 1.2)",
        "plugin 'second' (seqlab-second 1.2)",
    ]
    done = subprocess.run([*command, "encoder=doubled"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(
        "error: encoder=doubled is an option of plugin 'first' (seqlab-first 1.2), which is left out: option 'encoder/doubled'"
    )


OWN = """
from pathlib import Path

import torch
from seqlab.encoders import Encoder

Path("imported").touch()

class MyEncoder(Encoder):
    def __init__(self, *, input_width, width):
        super().__init__()
        self.layer = torch.nn.Linear(input_width, width)
        self.output_width = self.summary_width = width

    def forward(self, steps):
        values = torch.tanh(self.layer(steps.zero_padded().values))
        return steps.with_values(values, summary=values.mean(1))

class Narrow(MyEncoder):
    pass
"""
TINY = (
    *("data.reader.n_train=20", "data.reader.n_val=8", "data.reader.n_test=8"),
    *("embedding=[words]", "encoder.width=8", "trainer.max_epochs=1", "n_threads=1"),
)


@pytest.fixture
def seqlab_command(tmp_path: Path) -> Any:
    """Return a function that runs `seqlab` as it is installed (its own folder on the path, not the working folder)."""
    (tmp_path / "my_file.py").write_text(OWN, encoding="utf-8")
    code = "import sys\nsys.path = list(filter(None, sys.path))\nfrom seqlab.cli import main\nsys.exit(main(sys.argv[1:]))"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True)

    return run


@pytest.mark.slow
def test_a_bare_file_trains_sweeps_and_labels_when_allowed(seqlab_command: Any, tmp_path: Path) -> None:
    done = seqlab_command("train", "encoder._target_=my_file.MyEncoder", *TINY, "paths.run_dir=run")
    assert done.returncode == 0, done.stderr
    assert "label text  seqlab predict run FILE --allow my_file.MyEncoder" in done.stdout
    assert "encoder: of the option it replaces, MyEncoder drops backward_cell, depth, " in done.stdout
    (tmp_path / "imported").unlink()
    (tmp_path / "text.txt").write_text("Ada saw Oslo .\n")
    done = seqlab_command("predict", "run", "text.txt")
    assert done.returncode == 2
    assert re.search(
        r"^error: run/model: .*my_file\.py may define it; if you trust that file, pass --allow my_file\.MyE", done.stderr
    )
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "imported").exists()
    done = seqlab_command("predict", "run", "text.txt", "--allow", "my_file.MyEncoder")
    assert len(json.loads(done.stdout)["predictions"]["tags"]["labels"]) == 4
    for command in (["evaluate", "run"], ["describe", "run"], ["describe", "encoder._target_=my_file.MyEncoder", *TINY]):
        done = seqlab_command(*command, "--allow", "my_file.MyEncoder")
        assert done.returncode == 0, done.stderr
    done = seqlab_command(
        "train", "-m", "encoder._target_=my_file.MyEncoder,my_file.Narrow", *TINY, "trainer.fast_dev_run=true"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_config_of_a_run_names_no_class_by_itself(seqlab_command: Any, tmp_path: Path) -> None:
    """A run folder is a stranger's as a bundle is: `--config-dir` brings its config, and not the user's word for it."""
    done = seqlab_command(
        "train", "encoder._target_=my_file.MyEncoder", *TINY, "trainer.fast_dev_run=true", "hydra.run.dir=run"
    )
    assert done.returncode == 0, done.stderr
    (tmp_path / "imported").unlink()
    done = seqlab_command("train", "--config-dir", "run/.hydra", "--config-name", "config", "paths.run_dir=again")
    assert done.returncode == 2
    assert (
        "'my_file.MyEncoder', which no config file of seqlab or an installed plugin names here" in done.stderr.splitlines()[-1]
    )
    assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("encoder._target_=my_fil.MyEncoder", r"there is no my_fil\.py in .*; did you mean my_file\?$"),
        (
            "encoder._target_=my_file.MyEncder",
            r"my_file has no MyEncder; did you mean MyEncoder\?; the file has M",
        ),
    ],
)
def test_a_mistake_about_a_bare_file_is_reported_in_a_line(
    word: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my_file.py").write_text(OWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "my_file", sys)  # so that it is taken away again
    del sys.modules["my_file"]
    assert main(["train", word, *TINY]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert re.search(rf"^error: encoder\._target_ is .*{message}", errors[0])


def test_on_a_terminal_the_list_is_as_wide_as_that_and_names_each_plugin_once(install: Any) -> None:
    install("twice")
    install("bare", options={})
    out = io.StringIO()
    _print_by_plugin(discover(), Console(file=out, width=60))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 60
    assert [line for line in lines if line.startswith("twice 1.2 (seqlab-twice)")]
    assert sum(line.startswith("seqlab 0.1.0") for line in lines) == 1
    assert re.search(r"(?m)^  encoder +doubled", out.getvalue())
    joined = " ".join(out.getvalue().split())
    assert "chain, gru, gru_2014, identity, irnn, lstm, lstm_1997," in joined
    assert "bare 1.2 (seqlab-bare) left out package 'seqlab_bare' has no folder `conf`" in joined
