"""The folder of built-in configs."""

from pathlib import Path

from seqlab.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parents[1]


def config_dir(*, package: Path = _PACKAGE) -> Path:
    """Return the absolute path of the built-in `conf` folder.

    It is inside the package in an installed wheel, and beside it in a checkout or an editable install.

    Raises:
        ConfigError: Neither folder exists.
    """
    installed, sibling = package / "conf", package.parent / "conf"
    found = next((folder for folder in (installed, sibling) if folder.is_dir()), None)
    if found is None:
        missing = f"neither {installed} (an installed wheel) nor {sibling} (a checkout) is a folder"
        raise ConfigError(f"the folder of built-in configs is missing: {missing}; install seqlab again, or restore `conf`")
    return found
