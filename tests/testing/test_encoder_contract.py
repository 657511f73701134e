"""The contract of encoders finds each fault that it is there for, and only in parts that have it."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from seqlab.encoders import Encoder
from seqlab.steps import Steps
from seqlab.testing import EncoderContract


class Sound(Encoder):
    """A linear map of each step; faulty encoders below change one thing."""

    def __init__(self, input_width: int) -> None:
        super().__init__()
        self.output_width = self.summary_width = 4
        self.linear = nn.Linear(input_width, 4)

    def encoded(self, steps: Steps) -> Tensor:
        return self.linear(steps.zero_padded().values)

    def summary(self, steps: Steps, values: Tensor) -> Tensor:
        return (values * steps.mask.unsqueeze(2)).sum(1)

    def forward(self, steps: Steps) -> Steps:
        values = self.encoded(steps)
        return steps.with_values(values, summary=self.summary(steps, values))


class ReadsPadding(Sound):
    def summary(self, steps: Steps, values: Tensor) -> Tensor:
        return values.sum(1)


class LetsGradientsIntoPadding(Sound):
    def encoded(self, steps: Steps) -> Tensor:
        return self.linear(torch.where(steps.mask.unsqueeze(2), steps.values, steps.values.clamp(-1, 1)))

    def summary(self, steps: Steps, values: Tensor) -> Tensor:
        return super().summary(steps, values) + 1e-7 * values.sum(1)


class ReadsBatchMates(Sound):
    def encoded(self, steps: Steps) -> Tensor:
        values = super().encoded(steps)
        real = values * steps.mask.unsqueeze(2)
        return values - real.sum((0, 1)) / steps.lengths.sum().clamp(min=1)


class PromisesAnotherWidth(Sound):
    def __init__(self, input_width: int) -> None:
        super().__init__(input_width)
        self.output_width = 5


class HasADeadParameter(Sound):
    def __init__(self, input_width: int) -> None:
        super().__init__(input_width)
        self.unused = nn.Parameter(torch.ones(2))


class KeepsStateOutsideItsParameters(Sound):
    def __init__(self, input_width: int) -> None:
        super().__init__(input_width)
        self.shift = torch.randn(4)

    def encoded(self, steps: Steps) -> Tensor:
        return super().encoded(steps) + self.shift


class DividesByTheLength(Sound):
    def summary(self, steps: Steps, values: Tensor) -> Tensor:
        return super().summary(steps, values) / steps.lengths.unsqueeze(1)


class DrawsWhileEvaluating(Sound):
    def encoded(self, steps: Steps) -> Tensor:
        return nn.functional.dropout(super().encoded(steps), 0.5, training=True)


class ExplodesWhileTraining(Sound):
    def encoded(self, steps: Steps) -> Tensor:
        values = super().encoded(steps)
        return (values - values).sqrt() * values if self.training else values


def contract_of(make: Callable[[int], Encoder]) -> EncoderContract:
    class Contract(EncoderContract):
        def make(self, input_width: int) -> Encoder:
            return make(input_width)

    return Contract()


def broken_promises(make: Callable[[int], Encoder]) -> set[str]:
    contract = contract_of(make)
    broken = set()
    for name in dir(contract):
        if name.startswith("test_"):
            try:
                getattr(contract, name)()
            except AssertionError:
                broken.add(name)
    return broken


def test_a_sound_encoder_breaks_no_promise() -> None:
    assert broken_promises(Sound) == set()


@pytest.mark.parametrize(
    ("make", "promise"),
    [
        (ReadsPadding, "test_padding_changes_nothing"),
        (LetsGradientsIntoPadding, "test_padding_reaches_no_gradient"),
        (ReadsBatchMates, "test_batch_equals_singles"),
        (PromisesAnotherWidth, "test_widths_are_as_promised"),
        (HasADeadParameter, "test_every_parameter_gets_a_gradient"),
        (KeepsStateOutsideItsParameters, "test_state_dict_reloads"),
        (DividesByTheLength, "test_empty_records_are_finite"),
        (DrawsWhileEvaluating, "test_evaluation_is_deterministic"),
        (ExplodesWhileTraining, "test_training_gives_finite_gradients"),
    ],
)
def test_each_fault_is_found(make: type[Encoder], promise: str) -> None:
    assert promise in broken_promises(make)
