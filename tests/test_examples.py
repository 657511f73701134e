"""The examples in docstrings and on the pages of docs/ give what they say."""

import doctest
import importlib
import re
import runpy
from pathlib import Path

import pytest
import torch

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE, DOCS = REPOSITORY / "seqlab", REPOSITORY / "docs"
FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_examples_of_docstrings_hold(path: Path) -> None:
    module = importlib.import_module(".".join(path.relative_to(REPOSITORY).with_suffix("").parts))
    examples = doctest.DocTestFinder().find(module, extraglobs={"torch": torch})
    output: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    for example in examples:
        runner.run(example, out=output.append)
    assert runner.tries, f"no example found in {path}"
    assert not runner.failures, "".join(output)


# Warnings of torch and Lightning to each other, which their users get too.
@pytest.mark.filterwarnings("ignore:.*LeafSpec.*", "ignore:.*does not have many workers.*", "ignore:.*logging interval.*")
@pytest.mark.skipif(not DOCS.is_dir(), reason="this is a source distribution, which has no docs/")
def test_blocks_of_the_page_on_layers_print_what_they_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", (DOCS / "layers.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    program = tmp_path / "page.py"
    program.write_text("\n".join(blocks), encoding="utf-8")
    runpy.run_path(str(program))
    assert capsys.readouterr().out.splitlines() == re.findall(r"^print\(.*\)  # (.*)$", "\n".join(blocks), re.MULTILINE)
    assert len(blocks) > 8
