"""What a head is: encoded steps -> a loss while training, labels with confidences afterwards, and the score of labels."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from seqlab.data.batch import Batch, EncodedRecords
from seqlab.data.columns import Columns
from seqlab.data.fields import Field
from seqlab.heads.parts.span_views import SpanView
from seqlab.steps import Steps
from seqlab.types import Alternative, Prediction


class Head(nn.Module, ABC):
    """Labels steps or records. Every head is constructed with `input_width` (of a step) and `summary_width`."""

    target: Field
    """The field of what it learns to say."""
    is_per_step: bool = False
    """Whether it gives each of the encoder's steps a label."""
    is_of_pairs: bool = False
    """Whether it reads records of two sides (`Steps.second`)."""
    why_unranked: str | None = "it does not rank its answers"
    """Why `best` ranks no answers, in words for the user; None: it does."""
    why_no_entropy: str | None = "it does not know how probable all its answers are"
    """Why `entropy` is not known, in words for the user; None: it is."""

    @property
    def is_of_record_steps(self) -> bool | None:
        """Whether the encoder's steps must be those of the records: True; False: they must be others; None: either will do."""
        return None

    @property
    def spans(self) -> SpanView | None:
        """How its labels tell spans, where it labels stretches of steps that gold labels as well; None: they are no spans."""
        return None

    @property
    @abstractmethod
    def main_metric(self) -> str:
        """Path of the score that tells the best model, the higher the better, such as `span_f1/strict`."""

    @abstractmethod
    def loss(self, steps: Steps, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean loss of the batch in nats, over what has a target.

        What makes training better but confidences worse, such as smoothed labels, belongs in it while training alone: else
        temperatures are fitted to that.
        """

    def n_targets(self, steps: Steps, batch: Batch) -> int:
        """Return over how many targets `loss` is the mean: steps, unless a head says otherwise."""
        return int(steps.lengths.sum())

    def check_records(self, records: EncodedRecords, *, split: str, is_taught: bool) -> None:
        """Tell, before anything runs, which records of a split the head cannot label right, whatever it learns: none.

        The steps of the records must be those that the encoder gives. Raises: DataError where the head `is_taught` by these
        records and not one of them can teach it anything.
        """

    def end_epoch(self) -> None:
        """Do what is left after each pass over the training data: nothing, for a head that learns by gradients alone."""

    @abstractmethod
    def predict(self, steps: Steps, batch: Batch, *, use_confidences: bool) -> list[Prediction]:
        """Return a prediction a record; without `use_confidences` it may leave them empty, which is faster.

        `batch` has what the head reads beside the steps, such as the bounds of segments; its target may be missing.
        """

    def answer(self, steps: Steps, batch: Batch, *, use_confidences: bool, n_best: int = 0) -> list[Prediction]:
        """Return `predict`, with the `n_best` likeliest answers of a head that ranks them: the first is the answer given."""
        found = self.predict(steps, batch, use_confidences=use_confidences)
        ranked = self.best(steps, batch, n=n_best) if n_best else None
        if ranked is None:
            return found
        return [replace(one, alternatives=answers) for one, answers in zip(found, ranked, strict=True)]

    def best(self, steps: Steps, batch: Batch, *, n: int) -> list[list[Alternative]] | None:
        """Return the `n` likeliest answers for each record, the best first, fewer where there are no more; None: not ranked."""
        return None

    def entropy(self, steps: Steps, batch: Batch) -> Float[Tensor, " batch"] | None:
        """Return the entropy of the distribution over all answers for each record, in nats; None: not known."""
        return None

    @abstractmethod
    def gold(self, columns: Columns) -> list[Any]:
        """Return what the records say, as `score` takes it: the column itself, untouched by any vocabulary."""

    @abstractmethod
    def score(self, gold: Sequence[Any], predictions: Sequence[Prediction]) -> dict[str, Any]:
        """Return the head's metrics as nested dicts; the floats in it are logged under their path."""
