"""The example of docs/hydra.md runs by the command line."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import seqlab

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
EXAMPLE = DOCS / "examples" / "config"

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="this is a source distribution, which has no docs/")


def run(*words: str, folder: Path) -> str:
    command = [sys.executable, "-m", "seqlab", "train", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("words", [["--config-dir", str(EXAMPLE)], [f"hydra.searchpath=[file://{EXAMPLE}]"]])
def test_a_folder_of_ones_own_adds_options(words: list[str], tmp_path: Path) -> None:
    printed = run(*words, "experiment=small_ner", "--cfg", "job", folder=tmp_path)
    assert re.search(r"^  width: 16$", printed, re.MULTILINE)
    assert "task_name: small_ner" in printed


@pytest.mark.slow
def test_the_example_trains(tmp_path: Path) -> None:
    run("--config-dir", str(EXAMPLE), "experiment=small_ner", "hydra.run.dir=run", "trainer=cpu", folder=tmp_path)
    assert seqlab.load(tmp_path / "run").bundle.labeler.encoder.output_width == 32


def test_the_page_composes_what_it_says() -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```$", (DOCS / "hydra.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    exec(block.replace("print(", "shown = ("), names)  # noqa: S102 - the block of our own page
    assert names["shown"] == 50
