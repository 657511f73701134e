"""AveragedWeights: the recurrence's average, in validation and checkpoints; a resumed run is the same run."""

import pytest
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint

from seqlab.errors import ConfigError
from seqlab.training.callbacks import AveragedWeights


def averages(start: torch.Tensor, trained: list[torch.Tensor], decay: float) -> list[torch.Tensor]:
    average, seen = start.double(), []
    for step, weight in enumerate(trained, start=1):
        rate = min(decay, (1 + step) / (10 + step))
        average = rate * average + (1 - rate) * weight.double()
        seen.append(average.float())
    return seen


def test_averaged_weights_follow_the_recurrence_in_validation_and_at_the_end(module, fit):
    start, frozen = module.weight.detach().clone(), module.frozen.clone()
    fit(module, AveragedWeights(decay=0.3))
    expected = averages(start, module.trained, 0.3)
    for epoch in range(3):
        for seen in module.validated[4 * epoch : 4 * epoch + 4]:
            torch.testing.assert_close(seen, expected[4 * epoch + 3])
    torch.testing.assert_close(module.weight.detach(), expected[-1])
    assert not torch.allclose(module.weight, module.trained[-1])
    assert torch.equal(module.frozen, frozen)
    assert module.n_seen == 12


def test_averaged_weights_leave_training_alone(module, fit):
    fit(module, AveragedWeights(decay=0.9))
    alone = type(module)()
    fit(alone)
    assert all(torch.equal(a, b) for a, b in zip(module.trained, alone.trained, strict=True))


def test_averaged_weights_update_once_an_optimiser_step(module, fit):
    start = module.weight.detach().clone()
    fit(module, AveragedWeights(decay=0.3), accumulate_grad_batches=2)
    torch.testing.assert_close(module.weight.detach(), averages(start, module.trained[1::2], 0.3)[-1])


def test_averaged_weights_are_the_checkpoints_weights_and_load_without_code(module, fit, tmp_path):
    fit(
        module,
        AveragedWeights(decay=0.3),
        ModelCheckpoint(dirpath=tmp_path, filename="best", monitor="val/loss", save_last=True),
    )
    for name in ("best", "last"):
        stored = torch.load(tmp_path / f"{name}.ckpt", weights_only=True)
        torch.testing.assert_close(stored["state_dict"]["weight"], module.validated[-1])
        torch.testing.assert_close(stored["state_dict"]["tied"], module.validated[-1])


def test_averaged_weights_resume_bit_for_bit(module, fit, tmp_path):
    def callbacks() -> list[Callback]:
        return [AveragedWeights(decay=0.9), ModelCheckpoint(dirpath=tmp_path, save_last=True)]

    fit(type(module)(), *callbacks(), max_epochs=2)
    resumed = type(module)()
    trainer = fit(resumed, *callbacks(), max_epochs=4, ckpt_path=tmp_path / "last.ckpt")
    fit(module, AveragedWeights(decay=0.9), max_epochs=4)
    assert trainer.global_step == 16
    assert torch.equal(resumed.weight, module.weight)
    assert all(torch.equal(a, b) for a, b in zip(resumed.trained, module.trained[8:], strict=True))


def test_averaged_weights_are_put_away_when_validation_breaks_off(module, fit):
    def fail(*_: object) -> None:
        raise RuntimeError("broken validation")

    module.validation_step = fail
    with pytest.raises(RuntimeError, match="broken validation"):
        fit(module, AveragedWeights(decay=0.9))
    assert torch.equal(module.weight, module.trained[-1])


@pytest.mark.parametrize("decay", [1.0, -0.1])
def test_averaged_weights_refuse_a_decay_that_never_moves(decay):
    with pytest.raises(ConfigError, match=rf"decay is {decay}"):
        AveragedWeights(decay=decay)
