"""The contract of token heads, beyond that of all heads."""

from seqlab.testing.heads import HeadContract
from seqlab.types import Prediction


class TokenHeadContract(HeadContract):
    """Subclass it as `Test…`, and return the target that the head learns, and the head."""

    def check_prediction(self, prediction: Prediction, *, n_steps: int) -> None:
        """Check that every step has one label, with a confidence."""
        super().check_prediction(prediction, n_steps=n_steps)
        assert len(prediction.labels) == n_steps, f"{len(prediction.labels)} labels for {n_steps} steps"
