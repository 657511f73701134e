"""seqlab in use as installed, away from any checkout."""

import json

import pytest

import seqlab
from seqlab.functional.native.compiler import find_compiler

pytestmark = pytest.mark.slow


def test_package_comes_from_the_installation(installation) -> None:
    assert installation.run("python", "-c", "import seqlab; print(*seqlab.__path__)").strip() == str(installation.package)


def test_default_configurations_are_found(installation) -> None:
    found = installation.run("python", "-c", "from seqlab.config.paths import config_dir; print(config_dir())")
    assert found.strip() == str(installation.config_dir)
    assert (installation.config_dir / "train.yaml").is_file()


def test_command_tells_its_version_and_its_help(installation) -> None:
    assert installation.run("seqlab", "--version").strip() == f"seqlab {seqlab.__version__}"
    assert "train" in installation.run("seqlab", "--help")


def test_train_composes_its_config(installation) -> None:
    assert "_target_: seqlab.encoders" in installation.run("seqlab", "train", "--cfg", "job")


def test_a_model_is_trained_and_labels_text(installation) -> None:
    sizes = [f"data.reader.n_{split}=20" for split in ("train", "val", "test")]
    options = [
        "encoder=gru",
        "trainer.max_epochs=1",
        "n_threads=1",
        "n_examples=0",
        f"paths.run_dir={installation.folder / 'run'}",
    ]
    installation.run("seqlab", "train", "experiment=demo", *sizes, *options)
    run = installation.folder / "run"
    assert (run / "model" / "bundle.json").is_file()
    assert "test" in json.loads((run / "metrics.json").read_text())
    text = installation.folder / "text.txt"
    text.write_text("Maria Lindqvist flew to Oslo .\n", encoding="utf-8")
    labelled = json.loads(installation.run("seqlab", "predict", "run", str(text)))
    assert labelled["tokens"] == ["Maria", "Lindqvist", "flew", "to", "Oslo", "."]
    assert len(labelled["predictions"]["tags"]["labels"]) == 6


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler is installed")
def test_the_sources_of_the_compiled_libraries_are_there(installation) -> None:
    modules = ("recurrence", "linear_chain", "alignment")
    lines = [f"from seqlab.functional.{module}.compiled import LIBRARY; print(LIBRARY.is_usable)" for module in modules]
    assert installation.run("python", "-c", "\n".join(lines)).split() == ["True"] * 3
