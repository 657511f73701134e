"""`seqlab.compose`: a config from Python, with errors of our own."""

from collections.abc import Sequence

from omegaconf import DictConfig

from seqlab.config import compose as composing
from seqlab.config.mistakes import explaining
from seqlab.config.overrides import Overrides
from seqlab.config.settings import check_shape


def compose(overrides: Sequence[str]) -> DictConfig:
    """Return the config that `seqlab train` would run with these overrides.

    Raises:
        ConfigError: an override cannot be read, or names a key or an option that does not exist; the message names the nearest.

    Example:
        >>> compose(["encoder=gru", "encoder.width=8"]).encoder.cell._target_
        'seqlab.encoders.GruCell'
    """
    typed = Overrides.parse(overrides)
    with explaining(overrides):
        config = composing.compose(typed.words)
        check_shape(composing.raw(config))
    return config
