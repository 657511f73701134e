"""What an encoder is: steps -> steps."""

from abc import ABC, abstractmethod

from torch import nn

from seqlab.steps import Steps


class Encoder(nn.Module, ABC):
    """Puts every step in the context of its sequence. Constructed with `input_width`; says its own widths."""

    output_width: int
    """Features of a step of its output."""
    summary_width: int
    """Features of the summary of its output."""

    @abstractmethod
    def forward(self, steps: Steps) -> Steps:
        """Return the encoded steps, with one summary a record; padding and batch-mates change nothing."""
