"""The contract that every head passes."""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import torch

from seqlab.config.tree import leaves
from seqlab.data.batch import Batch
from seqlab.data.columns import Columns
from seqlab.data.fields import Field
from seqlab.heads import Head
from seqlab.heads.distributions import Distribution
from seqlab.steps import Steps
from seqlab.testing.comparing import TOLERANCE, assert_all_learn, assert_padding_is_ignored, assert_same, gradients, seeded
from seqlab.testing.ragged import PADDINGS, chosen, padded_with, ragged_steps
from seqlab.testing.records import RecordContract, batch_of, n_steps
from seqlab.types import Prediction


class HeadContract(RecordContract, ABC):
    """Subclass it as `Test…`, and return the target that the head learns, and the head."""

    input_width = 5
    summary_width = 3
    length_column = "tokens"
    """Column whose values are the steps of a record."""

    @abstractmethod
    def target(self) -> Field:
        """Return the field of the head's target, not fitted."""

    @abstractmethod
    def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
        """Return a new head that learns the fitted `target`."""

    def inputs(self) -> list[Field]:
        """Return the fields that the head reads beside the steps; `make` must use the same objects."""
        return []

    def check_prediction(self, prediction: Prediction, *, n_steps: int) -> None:
        """Check the prediction of a record of `n_steps`."""
        assert len(prediction.confidences) == len(prediction.labels)
        assert all(-TOLERANCE <= p <= 1 + TOLERANCE for p in prediction.confidences), prediction

    def _head(self) -> Head:
        target = self.target()
        target.fit(self.columns())
        return seeded(lambda: self._make(target))

    def _make(self, target: Field) -> Head:
        return self.make(target, input_width=self.input_width, summary_width=self.summary_width)

    def _lengths(self, columns: Columns) -> np.ndarray:
        return n_steps(columns, column=self.length_column)

    def _batch(self, head: Head, columns: Columns, rows: list[int] | None = None) -> Batch:
        """Return the records in `rows` (None: all) with their targets and inputs."""
        return batch_of([head.target, *self.inputs()], columns, rows=rows, lengths=self._lengths(columns))

    def _given(self, columns: Columns, rows: list[int] | None = None) -> Batch:
        """Return the records in `rows` (None: all) as in prediction: without a target."""
        return batch_of(self.inputs(), columns, rows=rows, lengths=self._lengths(columns))

    def _predictions(
        self, head: Head, steps: Steps, columns: Columns, *, rows: list[int] | None = None, use_confidences: bool = True
    ) -> list[Prediction]:
        return head.predict(steps, self._given(columns, rows), use_confidences=use_confidences)

    def _distribution(self, head: Head) -> Distribution:
        columns = self.columns()
        return head.distribution(self._steps(columns), self._given(columns))

    def _steps(self, columns: Columns) -> Steps:
        return ragged_steps(self.input_width, lengths=self._lengths(columns).tolist(), summary_width=self.summary_width)

    def _start(self) -> tuple[Head, Columns, Steps]:
        """Return a new head, the records that its target is fitted on, and their steps."""
        columns = self.columns()
        return self._head(), columns, self._steps(columns)

    def test_loss_is_a_finite_number(self) -> None:
        head, columns, steps = self._start()
        loss = head.loss(steps, self._batch(head, columns))
        assert loss.shape == ()
        assert math.isfinite(loss.item())
        assert loss.item() > 0

    def test_padding_changes_no_loss_and_no_gradient(self) -> None:
        head, columns, steps = self._start()
        batch = self._batch(head, columns)
        assert_padding_is_ignored(head, lambda padded: head.loss(padded, batch), steps)

    def test_padding_changes_no_prediction(self) -> None:
        head, columns, steps = self._start()
        expected = self._predictions(head, steps, columns)
        for padding in PADDINGS:
            for n_more in (0, 3):
                found = self._predictions(head, padded_with(steps, padding, n_more=n_more), columns)
                _assert_same_predictions(found, expected, what=f"{n_more} more steps of padding {padding}")

    def test_batch_equals_singles(self) -> None:
        head, columns, steps = self._start()
        together = self._predictions(head, steps, columns)
        alone = [self._predictions(head, chosen(steps, [i]), columns, rows=[i])[0] for i in range(len(columns))]
        _assert_same_predictions(alone, together, what="alone")

    def test_loss_is_a_mean(self) -> None:
        """The loss of a batch lies between those of its records, and repeating all records does not change it."""
        head, columns, steps = self._start()
        # Records without steps may have no target to average over.
        filled = [i for i in range(len(columns)) if int(steps.lengths[i])]
        singles = [head.loss(chosen(steps, [i]), self._batch(head, columns, [i])).item() for i in filled]
        loss = head.loss(chosen(steps, filled), self._batch(head, columns, filled)).item()
        assert min(singles) - TOLERANCE <= loss <= max(singles) + TOLERANCE
        twice = head.loss(chosen(steps, filled * 2), self._batch(head, columns, filled * 2)).item()
        assert math.isclose(twice, loss, rel_tol=TOLERANCE)

    def test_labels_unseen_in_training_are_no_obstacle(self) -> None:
        head, columns = self._head(), self.unseen_columns()
        steps = self._steps(columns)
        everything = list(range(len(columns)))
        for rows in (everything, *([i] for i in everything)):
            loss = head.loss(chosen(steps, rows), self._batch(head, columns, rows))
            assert math.isfinite(loss.item()), f"loss of records {rows} is {loss.item()}"
            found = gradients(head, loss).values() if loss.requires_grad else []
            assert all(bool(g.isfinite().all()) for g in found if g is not None)
        self._assert_scores(head, columns, self._predictions(head, steps, columns))

    def test_every_parameter_gets_a_gradient(self) -> None:
        head, columns, steps = self._start()
        loss = head.loss(steps, self._batch(head, columns))
        assert_all_learn(gradients(head, loss))

    def test_predictions_fit_their_records(self) -> None:
        head, columns, steps = self._start()
        predictions = self._predictions(head, steps, columns)
        for prediction, length in zip(predictions, steps.lengths.tolist(), strict=True):
            self.check_prediction(prediction, n_steps=length)

    def test_labels_are_the_same_without_confidences(self) -> None:
        head, columns, steps = self._start()
        quick, full = (self._predictions(head, steps, columns, use_confidences=use) for use in (False, True))
        assert [p.labels for p in quick] == [p.labels for p in full]

    def test_best_answers_are_ranked_by_their_probability(self) -> None:
        head = self._head()
        for answers in [] if "n_best" in head.lacks else self._distribution(head).n_best(4):
            probs = [answer.probability for answer in answers]
            assert 1 <= len(answers) <= 4
            assert probs == sorted(probs, reverse=True)
            assert 0 <= min(probs) <= sum(probs) <= 1 + TOLERANCE
            assert len({tuple(answer.labels) for answer in answers}) == len(answers), f"an answer comes twice: {answers}"

    def test_the_answer_given_is_the_first_of_the_best(self) -> None:
        head, columns, steps = self._start()
        for n_best in (1, 3):
            for prediction in head.predict(steps, self._given(columns), use_confidences=True, n_best=n_best):
                assert (prediction.alternatives is None) == ("n_best" in head.lacks)
                if prediction.alternatives is not None:
                    assert prediction.labels == prediction.alternatives[0].labels
                    assert len(prediction.confidences) == len(prediction.labels)
                    assert len(prediction.alternatives) <= n_best

    def test_what_its_distribution_lacks_has_a_reason(self) -> None:
        head = self._head()
        distribution = self._distribution(head)
        members: dict[str, Callable[[], object]] = {
            "n_best": lambda: distribution.n_best(2),
            "entropy": lambda: distribution.entropy,
        }
        for name, member in members.items():
            try:
                member()
            # Raised by distributions without the member; the head must then give the reason to users.
            except NotImplementedError:
                assert head.lacks.get(name), f"the distribution has no {name}, and the head gives no reason"
            else:
                assert name not in head.lacks, f"the distribution has {name}, which the head says it lacks"

    def test_entropy_is_that_of_all_answers(self) -> None:
        head = self._head()
        if "entropy" in head.lacks:
            return
        distribution = self._distribution(head)
        found, is_ranked = distribution.entropy, "n_best" not in head.lacks
        assert found.shape == (len(self.columns()),)
        assert bool((found >= 0).all())
        for nats, row in zip(found.tolist(), distribution.n_best(400) if is_ranked else [], strict=is_ranked):
            probs = [answer.probability for answer in row if answer.probability > 0]
            left = max(0.0, 1 - math.fsum(probs))  # of the answers that are not ranked; each of them is less probable
            of_ranked = -math.fsum(p * math.log(p) for p in probs)
            assert nats >= of_ranked - left * math.log(min(probs, default=1.0)) - 10 * TOLERANCE
            assert left > TOLERANCE or abs(nats - of_ranked) < 10 * TOLERANCE

    def test_empty_records_have_loss_and_prediction(self) -> None:
        head, columns, all_steps = self._start()
        empty = [i for i, length in enumerate(self._lengths(columns)) if not length] * 2
        steps = chosen(all_steps, empty)
        assert math.isfinite(head.loss(steps, self._batch(head, columns, empty)).item())
        predictions = self._predictions(head, steps, columns, rows=empty)
        assert len(predictions) == len(empty)
        for prediction in predictions:
            self.check_prediction(prediction, n_steps=0)

    def test_scores_are_numbers_that_json_can_hold(self) -> None:
        head, columns, steps = self._start()
        self._assert_scores(head, columns, self._predictions(head, steps, columns))

    def test_state_dict_reloads(self) -> None:
        target, columns = self.target(), self.columns()
        target.fit(columns)
        steps = self._steps(columns)
        first, second = (seeded(lambda: self._make(target), seed=seed) for seed in (0, 1))
        second.load_state_dict({name: tensor.clone() for name, tensor in first.state_dict().items()})
        found, expected = (self._predictions(head, steps, columns) for head in (second, first))
        assert found == expected

    def test_evaluation_is_deterministic(self) -> None:
        head, columns, steps = self._start()
        assert self._predictions(head, steps, columns) == self._predictions(head, steps, columns)

    def _assert_scores(self, head: Head, columns: Columns, predictions: list[Prediction]) -> None:
        scores = head.score(head.gold(columns), predictions)
        json.dumps(scores, allow_nan=False)
        assert any(isinstance(value, float) for _, value in leaves(scores)), "score returned no number"


def _assert_same_predictions(found: list[Prediction], expected: list[Prediction], *, what: str) -> None:
    assert [p.labels for p in found] == [p.labels for p in expected], f"{what}: labels differ"
    for i, (one, other) in enumerate(zip(found, expected, strict=True)):
        assert_same(torch.tensor(one.confidences), torch.tensor(other.confidences), what=f"{what}, record {i}")
