"""`Layer`: how the labels of a head lie over a record."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Layer:
    """How the labels of a head lie over a record."""

    is_per_step: bool
    """True: one label a step; False: labels of the whole record, or of its segments."""
    scheme: str | None
    """Span scheme of the labels; None where they encode no spans."""
    labels: Sequence[str]
    """Labels that the head can predict: those of spans where there is a scheme, else the tags or labels themselves."""
    is_of_nodes: bool = False
    """True: one label a node of the trees that the encoder builds."""
