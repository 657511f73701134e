"""The folder of built-in configs."""

from pathlib import Path

import pytest

from seqlab.config.paths import config_dir
from seqlab.errors import ConfigError


def test_config_dir_holds_the_train_config() -> None:
    assert (config_dir() / "train.yaml").is_file()
    assert config_dir().is_absolute()


def test_config_dir_prefers_the_one_inside_the_package(tmp_path: Path) -> None:
    package = tmp_path / "seqlab"
    (package / "conf").mkdir(parents=True)
    (tmp_path / "conf").mkdir()
    assert config_dir(package=package) == package / "conf"


def test_config_dir_is_the_sibling_in_a_checkout(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    assert config_dir(package=tmp_path / "seqlab") == tmp_path / "conf"


def test_config_dir_names_both_places_when_neither_is_there(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("a file, not a folder")
    with pytest.raises(ConfigError, match="conf") as caught:
        config_dir(package=tmp_path / "seqlab")
    assert str(tmp_path / "seqlab" / "conf") in str(caught.value)
    assert str(tmp_path / "conf") in str(caught.value)
