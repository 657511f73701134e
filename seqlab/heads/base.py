"""The role of a head: encoded steps -> a loss in training, and a distribution over labels afterwards."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar, Literal, TypeAlias

from jaxtyping import Float, Int
from torch import Tensor, nn

from seqlab.data.batch import Batch, EncodedRecords
from seqlab.data.columns import Columns
from seqlab.data.fields import Field
from seqlab.heads.distributions.base import Distribution
from seqlab.heads.parts.answers import Answer, Answered
from seqlab.heads.parts.counts import Counted
from seqlab.heads.parts.layer import Layer
from seqlab.heads.parts.span_views import SpanView
from seqlab.steps import Steps
from seqlab.types import Prediction

Kind: TypeAlias = Literal["token", "segment", "span", "sequence", "pair", "temporal"]


class Head(nn.Module, ABC):
    """Labels steps or records. Every head is constructed with `input_width` (of a step) and `summary_width`.

    A head learns by `loss` and believes a `distribution`; predictions are made of that. The rest states facts: no other part
    asks for the class of a head.
    """

    target: Field
    """The field of the labels that it learns."""
    kind: ClassVar[Kind] = "sequence"
    """The unit of a label: a step (`token`), a `segment` that is given, a `span` that is found, a record (`sequence`), a record
    of two sides (`pair`), or some place in the record (`temporal`)."""
    is_of_pairs: ClassVar[bool] = False
    """Whether it reads records of two sides (`Steps.second`). Read from the class, too, before there is a head."""
    own_score: ClassVar[str | None] = None
    """A score that heads of this class alone have; by it finished runs are read whose class of head cannot be imported."""
    lacks: Mapping[str, str] = MappingProxyType(
        {"n_best": "it does not rank its answers", "entropy": "it does not know how probable all its answers are"}
    )
    """Members that its distribution lacks, with the reason for the user."""
    path: str = "the head"
    """Where it stands in the config, as in `heads.tags`: for messages. `Labeler` sets it."""

    @property
    def is_per_step(self) -> bool:
        """Whether it labels each of the encoder's steps."""
        return self.kind == "token"

    @property
    def is_of_record_steps(self) -> bool | None:
        """Whether the encoder's steps must be those of the records: True; False: they must be others; None: either will do."""
        return None

    def layer(self, *, has_steps: bool) -> Layer:
        """Return how its labels lie over a record; `has_steps`: the encoder's steps are the record's, not nodes of trees."""
        return Layer(is_per_step=False, scheme=None, labels=getattr(self.target, "labels", []))

    @property
    def spans(self) -> SpanView | None:
        """The spans in its labels; None where they are no spans."""
        return None

    @classmethod
    def counted(cls, target: Any) -> list[Counted]:
        """Return the scores that runs are compared by, the main one first.

        `target` is the head's, not fitted; None where it cannot be built.
        """
        return []

    def shown(self, records: Sequence[Answered]) -> Sequence[Answer] | None:
        """Return the answers as reports show them, without records annotated in part; None: reports cannot show them."""
        return None

    @property
    @abstractmethod
    def main_metric(self) -> str:
        """Path of the score that chooses the best model, the higher the better, such as `span_f1/strict`."""

    @abstractmethod
    def loss(self, steps: Steps, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean loss of the batch in nats, over what has a target.

        Anything that improves training at the cost of confidences, such as label smoothing, applies only while training:
        temperatures are fitted to the plain loss.
        """

    def n_targets(self, steps: Steps, batch: Batch) -> int:
        """Return over how many targets `loss` is the mean: steps, unless a head says otherwise."""
        return int(steps.lengths.sum())

    def check_records(self, records: EncodedRecords, *, split: str, is_taught: bool) -> None:
        """Report the records of a split that the head cannot label right, whatever it learns: none, by default.

        The steps of the records must be those that the encoder gives. Raises: DataError where the head `is_taught` by these
        records and none of them can teach it anything.
        """

    def end_epoch(self) -> None:
        """Finish a pass over the training data: nothing to do for a head that learns by gradients alone."""

    @abstractmethod
    def distribution(self, steps: Steps, batch: Batch) -> Distribution:
        """Return what the head believes about the records, from scores computed once.

        `batch` has what the head reads beside the steps, such as the bounds of segments; its target may be missing.
        """

    def predict(
        self, steps: Steps, batch: Batch, *, use_confidences: bool, n_best: int = 0, use_entropy: bool = False
    ) -> list[Prediction]:
        """Return a prediction a record.

        Without `use_confidences` it may lack them, which is faster. `n_best` alternatives and the entropy are added where the
        distribution has them.
        """
        believed = self.distribution(steps, batch)
        n_best = 0 if "n_best" in self.lacks else n_best
        found = believed.predictions(use_confidences=use_confidences, n_best=n_best)
        bounds = self.bounds_of_labels(steps, batch)
        if bounds is not None:
            rows = [[(start, end) for start, end in row] for row in bounds.tolist()]
            found = [replace(one, bounds=row[: len(one.labels)]) for one, row in zip(found, rows, strict=True)]
        if use_entropy and "entropy" not in self.lacks:
            found = [replace(one, entropy=nats) for one, nats in zip(found, believed.entropy.tolist(), strict=True)]
        return found

    def bounds_of_labels(self, steps: Steps, batch: Batch) -> Int[Tensor, "batch label 2"] | None:
        """Return the steps of the record that each label covers; None if the labels are those of its own steps, one by one."""
        return steps.covers if self.is_per_step else None

    @abstractmethod
    def gold(self, columns: Columns) -> list[Any]:
        """Return the gold labels as `score` takes them: the column itself, unchanged by any vocabulary."""

    @abstractmethod
    def score(self, gold: Sequence[Any], predictions: Sequence[Prediction]) -> dict[str, Any]:
        """Return the head's metrics as nested dicts; the floats in it are logged under their path."""
