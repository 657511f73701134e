"""The contract of heads of pairs, beyond that of all heads."""

from dataclasses import replace

import pytest
import torch

from seqlab.data.columns import Columns
from seqlab.errors import DataError
from seqlab.steps import Steps
from seqlab.testing.heads import HeadContract
from seqlab.testing.ragged import ragged_steps


class PairHeadContract(HeadContract):
    """Subclass it as `Test…`, and return the target that the head learns, and the head.

    Second sides are as long as the records in reverse order, so that an empty side meets a filled one.
    """

    def _steps(self, columns: Columns) -> Steps:
        lengths = self._lengths(columns).tolist()[::-1]
        second = ragged_steps(self.input_width, lengths=lengths, summary_width=self.summary_width)
        assert second.summary is not None
        return replace(super()._steps(columns), second=second.with_values(second.values + 0.5, summary=second.summary.flip(0)))

    def test_it_says_that_it_is_of_pairs(self) -> None:
        assert self._head().is_of_pairs

    def test_both_sides_count(self) -> None:
        head, columns, steps = self._start()
        batch = self._batch(head, columns)
        assert steps.second is not None
        assert steps.second.summary is not None
        other = replace(steps.second, values=steps.second.values.roll(1, 2), summary=steps.second.summary.roll(1, 1))
        loss, changed = (head.loss(given, batch) for given in (steps, replace(steps, second=other)))
        assert not torch.isclose(loss, changed), "another second side gives the same loss"

    def test_records_of_one_side_are_refused(self) -> None:
        head, columns, steps = self._start()
        with pytest.raises(DataError, match="one side"):
            self._predictions(head, replace(steps, second=None), columns)
