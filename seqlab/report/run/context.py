"""What the analyses of a head read beside its answers."""

from typing import NamedTuple

from seqlab.report.analysis.familiarity import Training


class Context(NamedTuple):
    """The setting of a head's answers."""

    of: str
    """What its labels belong to: `steps`, `segments`, `nodes` or `records`."""
    training: Training | str
    """A message if the training data cannot be read."""
    n_examples: int
    where: str
    """File with all answers."""
