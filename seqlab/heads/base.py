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
    """Labels steps or records. The labeler passes `input_width` (features per step) and `summary_width` to every constructor.

    Training minimises `loss`; predictions come from `distribution`. The other members state facts about the head, so that no
    other part of seqlab asks for its class.
    """

    target: Field
    """Field of the labels."""
    kind: ClassVar[Kind] = "sequence"
    """What a label belongs to: a step (`token`), a given `segment`, a predicted `span`, a record (`sequence`), a record of two
    sides (`pair`), or a position that only an alignment determines (`temporal`)."""
    is_of_pairs: ClassVar[bool] = False
    """Whether it reads records with two sides (`Steps.second`). Also read from the class, before a head is built."""
    own_score: ClassVar[str | None] = None
    """A score that only heads of this class have. It identifies the head of a finished run whose class cannot be imported."""
    lacks: Mapping[str, str] = MappingProxyType(
        {"n_best": "it does not rank its answers", "entropy": "it does not know the probability of all its answers"}
    )
    """Members that its distribution does not have -> the reason, as shown to the user."""
    item_axes: ClassVar[Mapping[str, str | None]] = MappingProxyType({})
    """Tensors with places for single labels -> a letter for each axis: `l` for its labels, others as `axis_items` says, `-` for
    any other axis. None instead of letters: the tensor fits no other labels. A model that starts from another one (`init_from`)
    takes the places of labels that both know; without this, it takes nothing of a head whose labels differ."""
    path: str = "the head"
    """Path in the config, such as `heads.tags`, for messages. `Labeler` sets it."""

    @property
    def is_per_step(self) -> bool:
        """Whether it gives each step of the encoder a label."""
        return self.kind == "token"

    @property
    def is_of_record_steps(self) -> bool | None:
        """True: the encoder's steps must be those of the records; False: they must be others; None: both are possible."""
        return None

    def layer(self, *, has_steps: bool) -> Layer:
        """Return how its labels relate to a record; `has_steps`: the encoder's steps are the record's, not nodes of trees."""
        return Layer(is_per_step=False, scheme=None, labels=getattr(self.target, "labels", []))

    def axis_items(self, axis: str) -> list[str]:
        """Return the names of the places along an axis of `item_axes`, in order; each is there once."""
        return list(getattr(self.target, "tags", None) or getattr(self.target, "labels", []))

    @property
    def spans(self) -> SpanView | None:
        """The spans in its labels; None if its labels are not spans."""
        return None

    @classmethod
    def counted(cls, target: Any) -> list[Counted]:
        """Return the scores by which runs are compared, the main one first.

        `target` is the field of the head, not fitted; None if it cannot be built.
        """
        return []

    def written(self, predictions: Sequence[Prediction]) -> Sequence[Prediction]:
        """Return its predictions as outputs give them: in the scheme of the data, if training converted that."""
        return predictions

    def written_gold(self, gold: Sequence[Any]) -> Sequence[Any]:
        """Return gold labels, as `gold` returns them, in the scheme of `written`."""
        return gold

    def use_data(self, data: Mapping[str, Any], *, name: str) -> None:
        """Take what outputs need from the data config; `name` is that of the head."""
        return

    def shown(self, records: Sequence[Answered]) -> Sequence[Answer] | None:
        """Return the answers as reports show them, without partially annotated records; None if reports cannot show them."""
        return None

    @property
    @abstractmethod
    def main_metric(self) -> str:
        """Path of the score that selects the best model, such as `span_f1/strict`; higher is better."""

    @abstractmethod
    def loss(self, steps: Steps, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean loss of the batch in nats, over everything that has a target.

        Anything that distorts confidences, such as label smoothing, applies only while training: temperatures are fitted to
        the plain loss.
        """

    def n_targets(self, steps: Steps, batch: Batch) -> int:
        """Return the number of targets that `loss` averages over; by default, the number of steps."""
        return int(steps.lengths.sum())

    def check_records(self, records: EncodedRecords, *, split: str, is_taught: bool) -> None:
        """Report the records of a split that the head can never label correctly; by default, none.

        `records` have the steps that the encoder returns. `is_taught`: the head learns from these records.

        Raises:
            DataError: the head learns from these records, and none of them has a loss.
        """

    def end_epoch(self) -> None:
        """Finish a pass over the training data; by default, do nothing."""

    def distribution(self, steps: Steps, batch: Batch) -> Distribution:
        """Return the distribution over the labels of the records.

        `batch` has the other inputs of the head, such as the bounds of segments; the target may be missing.
        """
        # not abstract, so that heads written before distributions, which override `predict`, still work
        raise NotImplementedError(f"{type(self).__name__} defines no distribution; define it, or override predict")

    def predict(
        self, steps: Steps, batch: Batch, *, use_confidences: bool, n_best: int = 0, use_entropy: bool = False
    ) -> list[Prediction]:
        """Return a prediction per record.

        Without `use_confidences`, confidences may be missing, which is faster. `n_best` alternatives and the entropy are added
        if the distribution has them.
        """
        believed = self.distribution(steps, batch)
        # labelings that the head cannot rank are omitted rather than refused: one call serves several heads
        n_best = 0 if "n_best" in self.lacks else n_best
        found = believed.predictions(use_confidences=use_confidences, n_best=n_best)
        bounds = self.bounds_of_labels(steps, batch)
        if bounds is not None:
            # padded rows are cut to the number of labels
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
        """Return the gold labels as `score` reads them: those of the column, whether or not the model knows them."""

    @abstractmethod
    def score(self, gold: Sequence[Any], predictions: Sequence[Prediction]) -> dict[str, Any]:
        """Return the metrics as nested dicts; each float is logged under its path."""
