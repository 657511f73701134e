"""seqlab in use as installed, away from any checkout."""

import pytest

import seqlab

pytestmark = pytest.mark.slow


def test_package_comes_from_the_installation(installation) -> None:
    assert installation.run("python", "-c", "import seqlab; print(*seqlab.__path__)").strip() == str(installation.package)


def test_default_configurations_are_found(installation) -> None:
    found = installation.run("python", "-c", "from seqlab.paths import config_dir; print(config_dir())")
    assert found.strip() == str(installation.config_dir)
    assert (installation.config_dir / "train.yaml").is_file()


def test_command_tells_its_version_and_its_help(installation) -> None:
    assert installation.run("seqlab", "--version").strip() == f"seqlab {seqlab.__version__}"
    assert "train" in installation.run("seqlab", "--help")


def test_train_composes_its_config(installation) -> None:
    assert "_target_: seqlab.encoders" in installation.run("seqlab", "train", "--cfg", "job")


def test_train_runs_a_batch_of_everything(installation) -> None:
    installation.run("seqlab", "train", "debug=fdr", "n_threads=1")
