"""`LabelerModule`: what Lightning drives: steps, scores, optimiser. It knows no layer."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, final

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.data.columns import Columns
from seqlab.data.multitask.data_sets import UNNAMED, score_names
from seqlab.data.multitask.joined import Split
from seqlab.errors import ConfigError
from seqlab.metrics.flat_scores import flat_scores
from seqlab.model.labeler import Labeler, labels_of
from seqlab.training.parameter_groups import check_options, parameter_groups
from seqlab.types import Prediction

MEAN_SCORE = "val/mean"
"""Mean of the main metrics of all heads on `val`; logged where there are several."""


@final
class LabelerModule(pl.LightningModule):
    """Trains a labeler and scores it on whole splits.

    `splits` holds the encoded records that validation and test batches are cut from: scores compare their columns as
    strings, so labels that training never saw count as what they are. `heads` are those that each data set serves: on
    others, a head has no predictions and no scores; None where the records come from one set and serve all.
    """

    def __init__(
        self,
        labeler: Labeler,
        *,
        splits: Mapping[str, Split],
        optimizer: Callable[..., torch.optim.Optimizer],
        scheduler: Mapping[str, Any] | None,
        loss_weights: Any,
        seed: int,
        regularizers: Sequence[Callable[[Tensor], Tensor]] = (),
        parameter_groups: Mapping[str, Any] | None = None,
        heads: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__()
        self.labeler = labeler
        self.splits = splits
        self.make_optimizer = optimizer
        self.scheduler = scheduler
        self.loss_weights = check_weights(loss_weights, labeler.heads)
        self.regularizers = regularizers
        """Each gives a penalty for the run that led to a loss."""
        self.parameter_groups = parameter_groups or {}
        self.seed = seed
        self.score_names = score_names(heads or {UNNAMED: list(labeler.heads)})
        """By data set, the name that the scores of each of its heads go by."""
        self.epoch_tokens = 0
        """Real steps seen in this training epoch."""
        self.predictions: dict[str, list[Prediction]] = {}
        self.rows: dict[str, list[int]] = {}
        """Each head's predictions on the split scored last, in the order of its records, by the name of its scores."""
        self.scores: dict[str, Any] = {}
        """The nested scores of the split scored last."""
        self._outputs: dict[str, list[tuple[Tensor, dict[str, list[Prediction]]]]] = {}

    def on_train_epoch_start(self) -> None:
        """Seed dropout anew each epoch, so that a resumed run draws what the unbroken one would have drawn."""
        torch.manual_seed(self.seed * 1_000_003 + self.current_epoch)
        self.epoch_tokens = 0

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        """Return the weighted sum of the heads' losses, penalties added; None where no parameter has a share in it."""
        losses = self.labeler.losses(batch)
        self.epoch_tokens += batch.n_steps
        loss = sum((self.loss_weights.get(name, 1.0) * loss for name, loss in losses.items()), torch.zeros(()))
        self.log("train/loss", loss.detach(), on_step=False, on_epoch=True, batch_size=len(batch))
        penalties = [regularizer(loss) for regularizer in self.regularizers]
        if penalties:
            penalty = torch.stack(penalties).sum()
            self.log("train/penalty", penalty.detach(), on_step=False, on_epoch=True, batch_size=len(batch))
            loss = loss + penalty
        return loss if loss.requires_grad else None

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Let the heads finish a pass over the training data, before validation sees them."""
        if self.trainer.is_last_batch:
            for head in self.labeler.heads.values():
                head.end_epoch()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Keep the batch's predictions, and log its loss."""
        self._evaluate(batch, split="val")

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Keep the batch's predictions, and log its loss."""
        self._evaluate(batch, split="test")

    def on_validation_epoch_end(self) -> None:
        """Score the whole validation split."""
        self._score("val")

    def on_test_epoch_end(self) -> None:
        """Score the whole test split."""
        self._score("test")

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip as Lightning does, and under bfloat16 as well: it refuses fused optimisers there, for the sake of float16."""
        is_ours = self.trainer.precision == "bf16-mixed" or self.device.type == "cpu"
        if not is_ours or not gradient_clip_val:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
        elif gradient_clip_algorithm == "value":
            torch.nn.utils.clip_grad_value_(self.parameters(), gradient_clip_val)
        else:
            clip_to_norm_(self.parameters(), max_norm=gradient_clip_val)

    def configure_optimizers(self) -> Any:
        """Return the optimiser of all trainable parameters and, with a schedule, when to step it; None without parameters."""
        parameters = parameter_groups(self.labeler.named_parameters(), self.parameter_groups)
        if not parameters:
            return None
        optimizer = self.make_optimizer(parameters)
        check_options(self.parameter_groups, defaults=optimizer.defaults, optimizer=type(optimizer).__name__)
        if not self.scheduler:
            return optimizer
        timing = {name: value for name, value in self.scheduler.items() if name != "factory" and value is not None}
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": self.scheduler["factory"](optimizer), **timing}}

    def _evaluate(self, batch: Batch, *, split: str) -> None:
        steps = self.labeler(batch)
        heads = {name: self.labeler.heads[name] for name in self.score_names[batch.data_set]}
        losses = [h.loss(steps, batch) * self.loss_weights.get(n, 1.0) for n, h in heads.items() if h.target in batch]
        if losses:
            self.log(f"{split}/loss", torch.stack(losses).sum(), batch_size=len(batch))
        predictions = labels_of(heads, steps, batch, use_confidences=split == "test")
        self._outputs.setdefault(batch.data_set, []).append((batch.rows, predictions))

    def _score(self, split: str) -> None:
        self.predictions, self.rows = {}, {}
        by_head: dict[str, dict[str, Any]] = {}
        for data_set, part in self.splits[split].parts.items():
            by_head |= self._scores_of(data_set, part.columns)
        self._outputs.clear()
        is_alone = sum(map(len, self.score_names.values())) == 1
        self.scores = next(iter(by_head.values()), {}) if is_alone else by_head
        self.log_dict({f"{split}/{name}": value for name, value in flat_scores(self.scores).items()})
        if split == "val" and by_head and not is_alone:
            self.log(MEAN_SCORE, self._mean(by_head))

    def _scores_of(self, data_set: str, columns: Columns) -> dict[str, dict[str, Any]]:
        """Return the scores of the heads that a data set serves, and keep their predictions in the order of its records."""
        outputs = self._outputs.get(data_set, [])
        rows = [row for rows, _ in outputs for row in rows.tolist()]
        seen = sorted(range(len(rows)), key=rows.__getitem__)
        by_head = {}
        for name, scored_as in self.score_names[data_set].items():
            head = self.labeler.heads[name]
            self.predictions[scored_as] = _in_order([p for _, found in outputs for p in found[name]], seen)
            if head.target.column in columns:
                gold = head.gold(columns)
                by_head[scored_as] = head.score([gold[rows[i]] for i in seen], self.predictions[scored_as])
        self.rows[data_set] = [rows[i] for i in seen]
        return by_head

    def _mean(self, by_head: Mapping[str, dict[str, Any]]) -> float:
        """Return the mean of the main metrics of heads, each once for every data set that it is scored on."""
        heads = {scored_as: head for own in self.score_names.values() for head, scored_as in own.items()}
        main = [flat_scores(found)[self.labeler.heads[heads[name]].main_metric] for name, found in by_head.items()]
        return sum(main) / len(main)


def clip_to_norm_(parameters: Iterable[nn.Parameter], *, max_norm: float) -> None:
    """Scale the gradients so that their norm is at most `max_norm`; what is below stays untouched.

    `torch.nn.utils.clip_grad_norm_` multiplies by 1 there: for large embedding tables a tenth of a training step.
    """
    kept = list(parameters)
    total = torch.nn.utils.get_total_norm([parameter.grad for parameter in kept if parameter.grad is not None])
    if not total <= max_norm:  # of a norm that is not a number, too, so that it shows
        torch.nn.utils.clip_grads_with_norm_(kept, max_norm, total)


def _in_order(items: Sequence[Prediction], order: Sequence[int]) -> list[Prediction]:
    return [items[i] for i in order]


def check_weights(weights: Any, heads: Collection[str]) -> Mapping[str, float]:
    """Return the `weights` of the losses of `heads`, 1 for one that is not there.

    Raises: ConfigError for what is no number by head.
    """
    if not isinstance(weights, Mapping):
        raise ConfigError(f"loss_weights is {weights!r}; expected weights by head, as in loss_weights.{next(iter(heads))}=0.5")
    for name, weight in weights.items():
        if name not in heads:
            raise ConfigError(f"loss_weights has {name!r}, which is no head; expected some of {', '.join(heads)}")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or weight < 0:
            raise ConfigError(f"loss_weights.{name} is {weight!r}; expected a number, at least 0")
    return dict(weights)
