"""`LabelerModule`: the Lightning module with training steps, scores and optimiser. It knows no layers."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, final

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from seqlab.data.batch import Batch
from seqlab.data.columns import Columns
from seqlab.data.multitask.data_sets import UNNAMED, score_names
from seqlab.data.multitask.joined import Split
from seqlab.errors import ConfigError, SeqlabError
from seqlab.metrics.flat_scores import flat_scores
from seqlab.model.labeler import Labeler, labels_of
from seqlab.model.weights import not_finite
from seqlab.training.hessian_free import GaussNewton, HessianFree
from seqlab.training.parameter_groups import check_options, parameter_groups
from seqlab.types import Prediction

MEAN_SCORE = "val/mean"
"""Mean of all heads' main metrics on `val`; logged if there are several heads."""
ORIGIN = "seqlab"
"""Key in a checkpoint of what its model was made of."""


@final
class LabelerModule(pl.LightningModule):
    """Trains a labeler and scores it on whole splits.

    Scores compare labels as strings, so labels unseen in training count correctly.

    Args:
        labeler: The model.
        splits: Encoded records by split, from which validation and test batches are cut.
        optimizer: Makes the optimiser from the parameters.
        scheduler: `factory`, which makes a schedule from the optimiser, and Lightning's options of when to step it; None for a
            constant rate.
        loss_weights: Weight of each head's loss, 1 by default.
        seed: Seed of dropout.
        regularizers: Penalties on the training loss, called with the loss of each batch.
        parameter_groups: Optimiser options by group of parameters, as in `seqlab.training.parameter_groups`.
        heads: The heads that each data set trains and scores; None for one data set with all heads.
        origin: What the labeler was made of, as `seqlab.training.checkpoints.origin_of` returns it, for checkpoints; None: they
            do not say.
    """

    def __init__(
        self,
        labeler: Labeler,
        *,
        splits: Mapping[str, Split],
        optimizer: Callable[..., Optimizer],
        scheduler: Mapping[str, Any] | None,
        loss_weights: Any,
        seed: int,
        regularizers: Sequence[Callable[[Tensor], Tensor]] = (),
        parameter_groups: Mapping[str, Any] | None = None,
        heads: Mapping[str, Sequence[str]] | None = None,
        origin: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.labeler = labeler
        self.splits = splits
        self.make_optimizer = optimizer
        self.scheduler = scheduler
        self.loss_weights = check_weights(loss_weights, labeler.heads)
        self.regularizers = regularizers
        """Penalties, called with the loss of each batch."""
        self.parameter_groups = parameter_groups or {}
        self.seed = seed
        self.origin = origin
        self.score_names = score_names(heads or {UNNAMED: list(labeler.heads)})
        """Score names of the heads, by data set and head."""
        self.epoch_tokens = 0
        """Number of real steps seen in this training epoch."""
        self.predictions: dict[str, list[Prediction]] = {}
        self.rows: dict[str, list[int]] = {}
        """Predictions on the last scored split in record order, by score name; `rows` are the records, by data set."""
        self.scores: dict[str, Any] = {}
        """Nested scores of the last scored split."""
        self._batch: Batch | None = None
        """The last training batch."""
        self._outputs: dict[str, list[tuple[Tensor, dict[str, list[Prediction]]]]] = {}

    def on_train_start(self) -> None:
        """Refuse settings that the optimiser cannot follow."""
        if any(isinstance(optimizer, HessianFree) for optimizer in self.trainer.optimizers):
            self._check_alone()

    def on_train_epoch_start(self) -> None:
        """Reseed dropout each epoch, so that a resumed run draws the same numbers as an uninterrupted one."""
        # A large prime keeps the seeds of different runs and epochs apart.
        torch.manual_seed(self.seed * 1_000_003 + self.current_epoch)
        self.epoch_tokens = 0

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        """Return the weighted sum of the heads' losses plus penalties; None if it depends on no parameter."""
        losses = self.labeler.losses(batch)
        self._batch = batch
        self.epoch_tokens += batch.n_steps
        # Starting from a tensor gives a loss even if the batch has no targets.
        loss = sum((self.loss_weights.get(name, 1.0) * loss for name, loss in losses.items()), torch.zeros(()))
        self.log("train/loss", loss.detach(), on_step=False, on_epoch=True, batch_size=len(batch))
        penalties = [regularizer(loss) for regularizer in self.regularizers]
        if penalties:
            penalty = torch.stack(penalties).sum()
            self.log("train/penalty", penalty.detach(), on_step=False, on_epoch=True, batch_size=len(batch))
            loss = loss + penalty
        # Lightning skips the optimiser step for None, where a loss without a graph would fail in backward.
        return loss if loss.requires_grad else None

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Let the heads finish their epoch before validation, and check that the last step left the weights finite.

        A step before it that broke them shows in the loss of the next one.
        """
        if self.trainer.is_last_batch:
            for head in self.labeler.heads.values():
                head.end_epoch()
            self._check_finite(dict(self.named_parameters()))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what the model was made of, so that no other model takes the weights.

        Raises: SeqlabError for weights that are not finite.
        """
        self._check_finite(checkpoint["state_dict"])
        if self.origin is not None:
            checkpoint[ORIGIN] = dict(self.origin)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Keep the predictions of the batch, and log its loss."""
        self._evaluate(batch, split="val")

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Keep the predictions of the batch, and log its loss."""
        self._evaluate(batch, split="test")

    def on_validation_epoch_end(self) -> None:
        """Score the whole validation split."""
        self._score("val")

    def on_test_epoch_end(self) -> None:
        """Score the whole test split."""
        self._score("test")

    def _check_finite(self, weights: Mapping[str, Tensor]) -> None:
        fault = not_finite(weights, self)
        if fault is not None:
            remedy = "lower optimizer.lr or trainer.gradient_clip_val, or set trainer.precision=32-true"
            where = f"after step {self.trainer.global_step} (epoch {self.current_epoch + 1})"
            raise SeqlabError(f"{fault} {where}; the checkpoints before it are good; {remedy}")

    def configure_gradient_clipping(
        self, optimizer: Optimizer, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Clip gradients, also under bfloat16, where Lightning refuses fused optimisers although only float16 needs that."""
        is_ours = self.trainer.precision == "bf16-mixed" or self.device.type == "cpu"
        if not is_ours or not gradient_clip_val:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
        elif gradient_clip_algorithm == "value":
            torch.nn.utils.clip_grad_value_(self.parameters(), gradient_clip_val)
        else:
            clip_to_norm_(self.parameters(), max_norm=gradient_clip_val)

    def configure_optimizers(self) -> Any:
        """Return the optimiser, with its schedule if there is one; None if no parameter is trainable."""
        parameters = parameter_groups(self.labeler.named_parameters(), self.parameter_groups)
        if not parameters:
            return None
        optimizer = self.make_optimizer(parameters)
        check_options(self.parameter_groups, defaults=optimizer.defaults, optimizer=type(optimizer).__name__)
        if isinstance(optimizer, HessianFree):
            optimizer.problem_of = partial(self._problem, optimizer.parameters)
        if not self.scheduler:
            return optimizer
        timing = {name: value for name, value in self.scheduler.items() if name != "factory" and value is not None}
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": self.scheduler["factory"](optimizer), **timing}}

    def _check_alone(self) -> None:
        """Raise ConfigError for what changes the loss or the gradient outside the problem of `_problem`."""
        if self.regularizers:
            raise ConfigError("regularizer is not for optimizer=hessian_free, which knows the losses of heads alone; remove it")
        for name in ("world_size", "accumulate_grad_batches"):
            if getattr(self.trainer, name) != 1:
                raise ConfigError(
                    f"trainer: {name} is {getattr(self.trainer, name)}; expected 1 for optimizer=hessian_free, whose steps "
                    "read one batch; raise max_tokens instead"
                )

    def _problem(self, parameters: Sequence[nn.Parameter]) -> GaussNewton:
        """Return the loss of the last training batch, with its curvature."""
        assert self._batch is not None
        return GaussNewton(self.labeler, self._batch, parameters, loss_weights=self.loss_weights)

    def _evaluate(self, batch: Batch, *, split: str) -> None:
        steps = self.labeler(batch)
        heads = {name: self.labeler.heads[name] for name in self.score_names[batch.data_set]}
        # A split may lack the targets of a head; its loss is then left out.
        losses = [h.loss(steps, batch) * self.loss_weights.get(n, 1.0) for n, h in heads.items() if h.target in batch]
        if losses:
            self.log(f"{split}/loss", torch.stack(losses).sum(), batch_size=len(batch))
        # Only test predictions are stored, and confidences take another pass over lattices.
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
            # A head counts once for each data set that scores it.
            heads = {scored_as: self.labeler.heads[n] for own in self.score_names.values() for n, scored_as in own.items()}
            main = [flat_scores(found)[heads[name].main_metric] for name, found in by_head.items()]
            self.log(MEAN_SCORE, sum(main) / len(main))

    def _scores_of(self, data_set: str, columns: Columns) -> dict[str, dict[str, Any]]:
        """Return the scores of the heads of a data set, and keep their predictions in record order."""
        outputs = self._outputs.get(data_set, [])
        rows = [row for rows, _ in outputs for row in rows.tolist()]
        # Batches are ordered by length; scores and files need the order of the records.
        seen = sorted(range(len(rows)), key=rows.__getitem__)
        by_head = {}
        for name, scored_as in self.score_names[data_set].items():
            head = self.labeler.heads[name]
            predictions = [prediction for _, found in outputs for prediction in found[name]]
            self.predictions[scored_as] = [predictions[i] for i in seen]
            if head.target.column in columns:
                gold = head.gold(columns)
                by_head[scored_as] = head.score([gold[rows[i]] for i in seen], self.predictions[scored_as])
        self.rows[data_set] = [rows[i] for i in seen]
        return by_head


def clip_to_norm_(parameters: Iterable[nn.Parameter], *, max_norm: float) -> None:
    """Scale the gradients in place to a norm of at most `max_norm`.

    `torch.nn.utils.clip_grad_norm_` multiplies small gradients by 1, which takes a tenth of a step for large embedding tables.
    """
    kept = list(parameters)
    total = torch.nn.utils.get_total_norm([parameter.grad for parameter in kept if parameter.grad is not None])
    if not total <= max_norm:  # true for NaN as well, so that it shows
        torch.nn.utils.clip_grads_with_norm_(kept, max_norm, total)


def check_weights(weights: Any, heads: Collection[str]) -> Mapping[str, float]:
    """Return the loss weights by head; heads without one count as 1.

    Raises: ConfigError if `weights` is not a mapping from heads to numbers.
    """
    if not isinstance(weights, Mapping):
        raise ConfigError(f"loss_weights is {weights!r}; expected weights by head, as in loss_weights.{next(iter(heads))}=0.5")
    for name, weight in weights.items():
        if name not in heads:
            raise ConfigError(f"loss_weights has {name!r}, which is not a head; expected some of {', '.join(heads)}")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or weight < 0:
            raise ConfigError(f"loss_weights.{name} is {weight!r}; expected a number, at least 0")
    return dict(weights)
