"""The contract of embeddings."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from seqlab.data.columns import Columns
from seqlab.data.fields import Field
from seqlab.embeddings import Embedding
from seqlab.steps import Steps
from seqlab.testing.comparing import assert_all_learn, assert_reloads, assert_same_steps, gradients, probe, seeded
from seqlab.testing.records import RecordContract, batch_of, n_steps


class EmbeddingContract(RecordContract, ABC):
    """Subclass it as `Test…` and define the field that the embedding reads, and how it is made."""

    @abstractmethod
    def field(self) -> Field:
        """Return the field that the embedding reads, not fitted."""

    @abstractmethod
    def make(self, field: Field) -> Embedding:
        """Return a new embedding for the fitted `field`."""

    def _field(self) -> Field:
        field = self.field()
        field.fit(self.columns())
        return field

    def _embedded(self, embedding: Embedding, columns: Columns, rows: Sequence[int] | None = None) -> Steps:
        lengths = n_steps(columns, column=embedding.field.column)
        batch = batch_of([embedding.field], columns, rows=rows, lengths=lengths)
        return Steps(embedding(batch), batch.lengths)

    def _embedding(self) -> Embedding:
        field = self._field()
        return seeded(lambda: self.make(field))

    def test_width_is_as_promised(self) -> None:
        embedding, columns = self._embedding(), self.columns()
        steps = self._embedded(embedding, columns)
        assert steps.values.shape == (len(columns), max(steps.lengths.tolist()), embedding.output_width)

    def test_batch_equals_singles(self) -> None:
        embedding = self._embedding()
        for columns in (self.columns(), self.unseen_columns()):
            steps = self._embedded(embedding, columns)
            for i in range(len(columns)):
                length = max(1, int(steps.lengths[i]))
                expected = Steps(steps.values[i : i + 1, :length], steps.lengths[i : i + 1])
                assert_same_steps(self._embedded(embedding, columns, [i]), expected, what=f"record {i} alone")

    def test_order_of_records_changes_nothing(self) -> None:
        embedding, columns = self._embedding(), self.columns()
        rows = range(len(columns))
        forwards, backwards = (self._embedded(embedding, columns, order) for order in (rows, rows[::-1]))
        expected = Steps(forwards.values.flip(0), forwards.lengths.flip(0))
        assert_same_steps(backwards, expected, what="records in reverse order")

    def test_every_parameter_gets_a_gradient(self) -> None:
        embedding = self._embedding()
        # Unseen values reach parameters, such as those of unknown words, that known ones do not.
        losses = [probe(self._embedded(embedding, columns)) for columns in (self.columns(), self.unseen_columns())]
        assert_all_learn(gradients(embedding, losses[0] + losses[1]))

    def test_values_are_finite(self) -> None:
        for embedding in (self._embedding(), self._embedding().train()):
            for columns in (self.columns(), self.unseen_columns()):
                steps = self._embedded(embedding, columns)
                assert bool(steps.values[steps.mask].isfinite().all())

    def test_state_dict_reloads(self) -> None:
        field, columns = self._field(), self.columns()

        def outputs(embedding: Embedding) -> list[Tensor]:
            steps = self._embedded(embedding, columns)
            return [steps.values[steps.mask]]

        assert_reloads(lambda: self.make(field), outputs)

    def test_empty_records_give_a_batch(self) -> None:
        embedding, columns = self._embedding(), self.columns()
        empty = [i for i, length in enumerate(n_steps(columns, column=embedding.field.column)) if not length]
        # Twice, so that the batch has several empty records and no others.
        steps = self._embedded(embedding, columns, empty * 2)
        assert steps.values.shape == (2 * len(empty), 1, embedding.output_width)

    def test_evaluation_is_deterministic(self) -> None:
        embedding, columns = self._embedding(), self.columns()
        first, second = (self._embedded(embedding, columns) for _ in range(2))
        assert torch.equal(first.values[first.mask], second.values[second.mask])
