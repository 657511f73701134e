"""FiniteLoss: training stops before the optimiser does, and says where."""

import pytest
import torch

from seqlab.errors import SeqlabError
from seqlab.training.callbacks import FiniteLoss


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_finite_loss_stops_before_the_step_and_names_the_records(module, fit, batches, value):
    batches[2].values[1, 0] = value
    with pytest.raises(SeqlabError, match=r"loss is (nan|inf) in epoch 1, step 3, on records train-12, .* and 1 more"):
        fit(module, FiniteLoss())
    assert torch.equal(module.weight, module.trained[1])


def test_finite_loss_lets_finite_losses_pass(module, fit):
    assert fit(module, FiniteLoss()).global_step == 12
