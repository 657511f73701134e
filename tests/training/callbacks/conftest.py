"""A module and a trainer small enough to fit many times, with records as `LabelerModule` has them."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader


class Rows(NamedTuple):
    """Features of some records."""

    rows: Tensor
    values: Tensor
    data_set: str = ""


class Records:
    def record_id(self, row: int) -> str:
        return f"train-{row}"


class Regression(pl.LightningModule):
    """Predicts the row from features, with a frozen layer, a buffer that moves, and tied weights."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(7)
        self.frozen = nn.Parameter(torch.randn(3, 3, generator=generator), requires_grad=False)
        self.weight = nn.Parameter(torch.randn(3, generator=generator))
        self.tied = self.weight
        self.register_buffer("n_seen", torch.zeros(()))
        self.splits = {"train": SimpleNamespace(parts={"": SimpleNamespace(columns=Records())})}
        self.epoch_tokens = 0
        self.validated: list[Tensor] = []
        self.trained: list[Tensor] = []

    def on_train_epoch_start(self) -> None:
        self.epoch_tokens = 0

    def training_step(self, batch: Rows, batch_idx: int) -> Tensor:
        self.n_seen += 1
        self.epoch_tokens += len(batch.rows)
        loss = ((batch.values @ self.frozen @ self.weight - batch.rows) ** 2).mean()
        self.log("train/loss", loss.detach(), on_step=False, on_epoch=True, batch_size=len(batch.rows))
        return loss

    def on_train_batch_end(self, *_: Any) -> None:
        self.trained.append(self.weight.detach().clone())

    def validation_step(self, batch: Rows, batch_idx: int) -> None:
        self.validated.append(self.weight.detach().clone())
        loss = ((batch.values @ self.frozen @ self.weight - batch.rows) ** 2).mean()
        self.log("val/loss", loss, batch_size=len(batch.rows))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW([p for p in self.parameters() if p.requires_grad], lr=0.05)


@pytest.fixture
def module() -> Regression:
    return Regression()


@pytest.fixture
def batches() -> list[Rows]:
    generator = torch.Generator().manual_seed(3)
    return [Rows(torch.arange(6) + 6 * i, torch.randn(6, 3, generator=generator)) for i in range(4)]


@pytest.fixture
def fit(tmp_path: Path, batches: list[Rows]) -> Iterator[Callable[..., pl.Trainer]]:
    def fit_module(module: Regression, *callbacks: pl.Callback, ckpt_path: Path | None = None, **settings: Any) -> pl.Trainer:
        trainer = pl.Trainer(
            **{
                "default_root_dir": tmp_path,
                "accelerator": "cpu",
                "max_epochs": 3,
                "callbacks": list(callbacks),
                "logger": False,
                "enable_checkpointing": any(isinstance(c, pl.callbacks.ModelCheckpoint) for c in callbacks),
                "enable_progress_bar": False,
                "enable_model_summary": False,
                "num_sanity_val_steps": 0,
                "log_every_n_steps": 1,
                **settings,
            }
        )
        loader = DataLoader(batches, batch_size=None)
        trainer.fit(module, loader, loader, ckpt_path=ckpt_path, weights_only=True if ckpt_path else None)
        return trainer

    with warnings.catch_warnings():
        for message in (r".*LeafSpec.*", r".*does not have many workers.*", r".*exists and is not empty.*"):
            warnings.filterwarnings("ignore", message=message)
        yield fit_module
