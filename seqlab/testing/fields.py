"""The contract of fields."""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from seqlab.data.columns import Columns
from seqlab.data.fields import Field, Tensors
from seqlab.testing.records import RecordContract


class FieldContract(RecordContract, ABC):
    """Subclass it as `Test…` and define how the field is made; override `record` if a batch is not a single tensor."""

    @abstractmethod
    def make(self) -> Field:
        """Return a new field, not fitted."""

    def record(self, tensors: Tensors, i: int, n_steps: int | None) -> Tensor:
        """Return record `i` of a batch without padding; `n_steps` is None for fields without a time axis."""
        assert isinstance(tensors, Tensor)
        return tensors[i] if n_steps is None else tensors[i, :n_steps]

    def _fitted(self) -> Field:
        field = self.make()
        field.fit(self.columns())
        return field

    def _records(self, field: Field, columns: Columns, rows: Sequence[int] | None = None) -> list[Tensor]:
        encoded = field.encode(columns)
        chosen = np.asarray(range(len(columns)) if rows is None else rows, dtype=np.int64)
        tensors = encoded.collate(chosen)
        lengths = [None] * len(chosen) if encoded.lengths is None else encoded.lengths[chosen].tolist()
        return [self.record(tensors, i, n_steps) for i, n_steps in enumerate(lengths)]

    def test_fitting_does_not_change_the_key(self) -> None:
        field = self.make()
        key = field.key
        field.fit(self.columns())
        assert field.key == key == self.make().key

    def test_batch_equals_singles(self) -> None:
        field = self._fitted()
        for columns in (self.columns(), self.unseen_columns()):
            for i, together in enumerate(self._records(field, columns)):
                (alone,) = self._records(field, columns, [i])
                assert torch.equal(together, alone), f"record {i} differs in a batch: {together} and alone: {alone}"

    def test_order_of_records_changes_nothing(self) -> None:
        field, columns = self._fitted(), self.columns()
        backwards = self._records(field, columns, range(len(columns))[::-1])
        for forwards, back in zip(self._records(field, columns), backwards[::-1], strict=True):
            assert torch.equal(forwards, back)

    def test_lengths_are_those_of_the_column(self) -> None:
        field = self._fitted()
        for columns in (self.columns(), self.unseen_columns()):
            lengths = field.encode(columns).lengths
            if lengths is not None:
                assert lengths.tolist() == [len(row) for row in columns.lists(field.column)]

    def test_fitting_again_learns_the_same(self) -> None:
        first, second = self._fitted(), self._fitted()
        assert json.dumps(dict(first.state())) == json.dumps(dict(second.state()))

    def test_state_restores_through_json(self) -> None:
        fitted, restored = self._fitted(), self.make()
        arrays = {name: array.copy() for name, array in fitted.arrays().items()}
        # As a bundle stores them.
        restored.restore(json.loads(json.dumps(dict(fitted.state()))), arrays)
        for columns in (self.columns(), self.unseen_columns()):
            pairs = zip(self._records(restored, columns), self._records(fitted, columns), strict=True)
            for i, (found, expected) in enumerate(pairs):
                assert torch.equal(found, expected), f"record {i} after restore: {found}, before: {expected}"

    def test_tensors_move_to_a_device(self) -> None:
        field, columns = self._fitted(), self.columns()
        tensors = field.encode(columns).collate(np.arange(len(columns)))
        moved = tensors.to(torch.device("meta"))
        assert type(moved) is type(tensors)
        values = [moved] if isinstance(moved, Tensor) else [v for v in vars(moved).values() if isinstance(v, Tensor)]
        assert values, "no tensor found in what collate returned"
        assert all(value.device.type == "meta" for value in values)
