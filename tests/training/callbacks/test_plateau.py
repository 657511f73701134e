"""ResumedPlateau: the learning rates of a resumed run are those of the run that was not stopped."""

from typing import Any

import pytest
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from torch.optim.lr_scheduler import ReduceLROnPlateau

from seqlab.training.callbacks import ResumedPlateau


class Rates(Callback):
    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        self.seen.append(trainer.optimizers[0].param_groups[0]["lr"])


@pytest.fixture
def module(module):
    def configure_optimizers() -> dict[str, Any]:
        optimizer = torch.optim.AdamW([module.weight], lr=0.05)
        schedule = ReduceLROnPlateau(optimizer, patience=0, threshold=1e9, threshold_mode="abs")  # lowered each epoch
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "monitor": "val/loss"}}

    module.configure_optimizers = configure_optimizers
    return module


@pytest.mark.parametrize("when", [True, False], ids=["after the epoch", "after validation"])
def test_resumed_plateau_sees_the_last_epochs_score(module, fit, tmp_path, when):
    start = {name: value.clone() for name, value in module.state_dict().items()}

    def callbacks() -> list[Callback]:
        checkpoint = ModelCheckpoint(
            dirpath=tmp_path, filename="last", save_on_train_epoch_end=when, enable_version_counter=False
        )
        return [ResumedPlateau(), checkpoint]

    whole, first, second = Rates(), Rates(), Rates()
    fit(module, whole, ResumedPlateau(), max_epochs=5)
    expected = module.weight.detach().clone()
    module.load_state_dict(start)
    fit(module, first, *callbacks(), max_epochs=3)
    fit(module, second, *callbacks(), max_epochs=5, ckpt_path=tmp_path / "last.ckpt")
    assert first.seen + second.seen == whole.seen
    assert len(set(whole.seen)) == 4
    assert torch.equal(module.weight, expected)
