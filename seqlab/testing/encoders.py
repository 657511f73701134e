"""The contract of encoders."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import nn

from seqlab.encoders import Encoder
from seqlab.steps import Steps
from seqlab.testing.comparing import (
    assert_all_learn,
    assert_padding_is_ignored,
    assert_reloads,
    assert_same_steps,
    gradients,
    probe,
    seeded,
)
from seqlab.testing.ragged import LENGTHS, PADDINGS, chosen, padded_with, ragged_steps


class EncoderContract(ABC):
    """Subclass it as `Test…` and define how the encoder is made."""

    input_width = 5

    @abstractmethod
    def make(self, input_width: int) -> Encoder:
        """Return a new encoder for steps with `input_width` features."""

    def lengths_of(self, lengths: Sequence[int]) -> list[int]:
        """Return the number of output steps for records of `lengths`; override it if the encoder changes the time axis."""
        return list(lengths)

    def _encoder(self) -> nn.Module:
        return seeded(lambda: self.make(self.input_width))

    def _steps(self) -> Steps:
        return ragged_steps(self.input_width)

    def test_widths_are_as_promised(self) -> None:
        encoder = self.make(self.input_width)
        encoded = encoder(self._steps())
        assert encoded.values.shape[2] == encoder.output_width
        assert encoded.summary.shape == (len(LENGTHS), encoder.summary_width)
        assert encoded.lengths.tolist() == self.lengths_of(LENGTHS)

    def test_padding_changes_nothing(self) -> None:
        encoder, steps = self._encoder(), self._steps()
        expected = encoder(steps)
        for padding in PADDINGS:
            # Padding inside the longest record's time, and beyond it.
            for n_more in (0, 3):
                found = encoder(padded_with(steps, padding, n_more=n_more))
                assert_same_steps(found, expected, what=f"{n_more} more steps, padding {padding}")

    def test_padding_reaches_no_gradient(self) -> None:
        encoder = self._encoder()
        assert_padding_is_ignored(encoder, lambda steps: probe(encoder(steps)), self._steps())

    def test_batch_equals_singles(self) -> None:
        encoder, steps = self._encoder(), self._steps()
        encoded = encoder(steps)
        for i in range(len(LENGTHS)):
            assert_same_steps(encoder(chosen(steps, [i])), chosen(encoded, [i]), what=f"record {i} alone")

    def test_every_parameter_gets_a_gradient(self) -> None:
        encoder = self._encoder()
        assert_all_learn(gradients(encoder, probe(encoder(self._steps()))))

    def test_training_gives_finite_gradients(self) -> None:
        encoder = self._encoder().train()
        found = gradients(encoder, probe(encoder(self._steps())))
        assert all(bool(g.isfinite().all()) for g in found.values() if g is not None)

    def test_state_dict_reloads(self) -> None:
        def outputs(encoder: nn.Module) -> list[torch.Tensor]:
            encoded = encoder(self._steps())
            return [encoded.values[encoded.mask], encoded.summary]

        assert_reloads(lambda: self.make(self.input_width), outputs)

    def test_empty_records_are_finite(self) -> None:
        encoder = self._encoder()
        encoded = encoder(ragged_steps(self.input_width, lengths=(0, 0)))
        assert encoded.lengths.tolist() == self.lengths_of((0, 0))
        assert bool(encoded.summary.isfinite().all()), "the summary of an empty record is not finite"
        assert bool(torch.as_tensor(probe(encoded)).isfinite())

    def test_evaluation_is_deterministic(self) -> None:
        encoder, steps = self._encoder(), self._steps()
        first, second = encoder(steps), encoder(steps)
        assert torch.equal(first.values[first.mask], second.values[second.mask])
        assert torch.equal(first.summary, second.summary)
