"""Where the package keeps what it reads: the folder of default configurations."""

from pathlib import Path

from seqlab.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parents[1]


def config_dir(*, package: Path = _PACKAGE) -> Path:
    """Return the absolute path of the built-in `conf` folder.

    It lies inside the package where a wheel was installed, beside it in a checkout and in an editable install.

    Raises:
        ConfigError: Neither folder exists.
    """
    candidates = (package / "conf", package.parent / "conf")
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    installed, sibling = candidates
    raise ConfigError(
        f"the folder of default configurations is missing: neither {installed} (an installed wheel) nor {sibling} "
        "(a checkout) is a folder; install seqlab again, or restore `conf` in the checkout"
    )
