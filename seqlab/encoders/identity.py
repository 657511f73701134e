"""The encoder that changes no step: a bag of steps, the baseline for encoders that read in order."""

from typing import final

from seqlab.encoders.base import Encoder
from seqlab.functional.widths import check_width
from seqlab.steps import Steps


@final
class IdentityEncoder(Encoder):
    """Returns the steps; the summary is their mean (zeros for an empty record).

    Args:
        input_width: Features of a step.
    """

    def __init__(self, input_width: int) -> None:
        super().__init__()
        self.output_width = self.summary_width = self.input_width = input_width

    def forward(self, steps: Steps) -> Steps:
        """Return the same steps with their mean as summary."""
        check_width(steps.values, self.input_width, layer=type(self).__name__)
        total = steps.zero_padded().values.sum(1)
        return steps.with_values(
            steps.values, n_directions=steps.n_directions, summary=total / steps.lengths.clamp(min=1).unsqueeze(1)
        )
