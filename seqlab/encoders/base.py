"""The contract of encoders: steps -> steps."""

from abc import ABC, abstractmethod

from torch import nn

from seqlab.data.batch import Batch
from seqlab.steps import Steps


class Encoder(nn.Module, ABC):
    """Represents every step in the context of its sequence. Constructed with `input_width`; its own widths are attributes."""

    output_width: int
    """Features of a step of its output."""
    summary_width: int
    """Features of the summary of its output."""
    keeps_steps: bool = True
    """Whether its output has the steps of its input, one for each."""

    @abstractmethod
    def forward(self, steps: Steps) -> Steps:
        """Return the encoded steps, with one summary a record; padding and batch-mates change nothing."""

    def encode(self, steps: Steps, batch: Batch) -> Steps:
        """Return the encoded steps of `batch`: those of `forward`, unless the encoder reads more of the records than `steps`.

        An encoder whose output has other steps than its input, such as the nodes of a tree, gives their places in `covers`.
        """
        encoded: Steps = self(steps)
        return encoded
