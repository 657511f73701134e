"""`Layer`: how the labels of a head relate to a record."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Layer:
    """How the labels of a head relate to a record."""

    is_per_step: bool
    """True: one label per step; False: labels of the whole record, or of its segments."""
    scheme: str | None
    """Span scheme of the labels; None if they encode no spans."""
    labels: Sequence[str]
    """Labels that the head can predict: with a scheme, those of spans; else the tags or labels themselves."""
    is_of_nodes: bool = False
    """True: one label per node of the trees that the encoder builds."""
