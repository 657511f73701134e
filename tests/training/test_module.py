from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from seqlab.data.columns import Columns
from seqlab.data.fields import CategoryField, LabelField, TagField
from seqlab.data.fields.registry import Fields
from seqlab.embeddings import CategoryEmbedding, EmbeddingLayer
from seqlab.encoders import IdentityEncoder
from seqlab.errors import ConfigError
from seqlab.heads import SequenceHead, SoftmaxTokenHead
from seqlab.metrics.flat_scores import flat_scores
from seqlab.model.labeler import Labeler
from seqlab.testing import labelled_columns
from seqlab.training.module import LabelerModule, check_weights, clip_to_norm_

PLAIN: dict[str, Any] = {"class_weights": {}, "label_smoothing": 0.0, "focal_gamma": 0.0}
WORDS = CategoryField(column="tokens", view="identity", min_count=1)
TAGS = TagField(column="tags", scheme="BIO")
LABEL = LabelField(column="label")


def module(*, loss_weights: Mapping[str, float] | None = None, seed: int = 0, columns: Columns | None = None) -> LabelerModule:
    fields = Fields({field.key: field for field in (WORDS, TAGS, LABEL)})
    fields.fit(labelled_columns().records)
    torch.manual_seed(0)
    embedding = EmbeddingLayer(parts={"words": CategoryEmbedding(field=WORDS, width=4, unknown_alpha=0.0)}, dropout={})
    heads = {
        "tags": SoftmaxTokenHead(target=TAGS, input_width=4, summary_width=4, is_constrained=False, **PLAIN),
        "label": SequenceHead(target=LABEL, input_width=4, summary_width=4, pooling="mean", drop_prob=0.0, **PLAIN),
    }
    encoded = fields.encode((columns or labelled_columns()).records)
    made = LabelerModule(
        Labeler(embedding=embedding, encoder=IdentityEncoder(input_width=4), heads=heads),
        splits={"train": encoded, "val": encoded, "test": encoded},
        optimizer=partial(torch.optim.SGD, lr=0.1),
        scheduler=None,
        loss_weights=loss_weights or {},
        seed=seed,
    )
    made.logged = {}
    made.log = lambda name, value, **_: made.logged.update({name: value})
    made.log_dict = lambda values, **_: made.logged.update(values)
    return made


def batch_of(made: LabelerModule, *rows: int) -> Any:
    return made.splits["val"].batch(np.asarray(rows))


def test_training_loss_is_the_weighted_sum_of_the_heads() -> None:
    made = module(loss_weights={"label": 0.25})
    batch = batch_of(made, 0, 1, 3)
    losses = made.labeler.losses(batch)
    expected = losses["tags"] + 0.25 * losses["label"]
    torch.testing.assert_close(made.training_step(batch, 0), expected)
    torch.testing.assert_close(made.logged["train/loss"], expected.detach())
    made.eval()
    made.validation_step(batch, 0)
    torch.testing.assert_close(made.logged["val/loss"], expected.detach())


def test_a_weight_of_zero_teaches_a_head_nothing() -> None:
    made = module(loss_weights={"label": 0.0})
    made.training_step(batch_of(made, 0, 1), 0).backward()
    assert not made.labeler.heads["label"].scores.projection.weight.grad.any()
    assert made.labeler.heads["tags"].projection.weight.grad.any()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"tag": 1.0}, "loss_weights has 'tag', which is not a head; expected some of tags, label"),
        ({"label": -5}, r"loss_weights\.label is -5; expected a number, at least 0"),
        ({"label": "abc"}, r"loss_weights\.label is 'abc'; expected a number, at least 0"),
        (0.5, r"loss_weights is 0\.5; expected weights by head, as in loss_weights\.tags=0\.5"),
    ],
)
def test_weights_of_losses_are_checked(weights: Any, message: str) -> None:
    made = module()
    with pytest.raises(ConfigError, match=message):
        check_weights(weights, made.labeler.heads)


def test_scores_and_predictions_come_in_the_order_of_the_records() -> None:
    whole, mixed = module(), module()
    whole.validation_step(batch_of(whole, 0, 1, 2, 3, 4), 0)
    whole.on_validation_epoch_end()
    for rows in ((3, 0), (4,), (2, 1)):
        mixed.validation_step(batch_of(mixed, *rows), 0)
    mixed.on_validation_epoch_end()
    assert mixed.predictions == whole.predictions
    assert [len(p.labels) for p in mixed.predictions["tags"]] == [4, 1, 0, 6, 2]
    assert mixed.scores == whole.scores
    assert mixed.logged["val/tags/accuracy"] == whole.logged["val/tags/accuracy"]


def test_scores_are_of_what_was_predicted_last() -> None:
    made = module()
    made.validation_step(batch_of(made, 0, 1, 2, 3, 4), 0)
    made.on_validation_epoch_end()
    first = made.scores
    made.validation_step(batch_of(made, 0, 1, 2, 3, 4), 0)
    made.on_validation_epoch_end()
    assert made.scores == first


def test_scores_of_some_batches_compare_with_their_own_records() -> None:
    made = module()
    with torch.no_grad():
        made.labeler.heads["label"].scores.projection.weight.zero_()
        made.labeler.heads["label"].scores.projection.bias.copy_(torch.tensor([1.0, 0.0]))
    always = made.labeler.heads["label"].target.labels[0]
    gold = labelled_columns().lists("label")
    rows = [i for i, label in enumerate(gold) if label == always][-2:]
    made.test_step(batch_of(made, *rows), 0)
    made.on_test_epoch_end()
    assert made.logged["test/label/accuracy"] == 1.0


def test_scores_keep_their_heads_name_where_a_split_lacks_the_other_target() -> None:
    made = module(columns=Columns(labelled_columns().records.remove_columns(["tags"])))
    made.validation_step(batch_of(made, 0, 1), 0)
    made.on_validation_epoch_end()
    assert "val/label/accuracy" in made.logged
    assert set(made.scores) == {"label"}


def test_labels_that_training_never_saw_count_as_mistakes() -> None:
    records = labelled_columns().records.select([0, 1]).remove_columns(["label"]).add_column("label", ["never", "never"])
    made = module(columns=Columns(records))
    with torch.no_grad():
        made.test_step(batch_of(made, 0, 1), 0)
    made.on_test_epoch_end()
    assert made.logged["test/label/accuracy"] == 0.0
    assert np.isfinite(float(made.logged["test/loss"]))


def test_confidences_are_computed_for_test_alone() -> None:
    made = module()
    made.validation_step(batch_of(made, 0), 0)
    made.on_validation_epoch_end()
    assert made.predictions["tags"][0].confidences == []
    made.test_step(batch_of(made, 0), 0)
    made.on_test_epoch_end()
    assert len(made.predictions["tags"][0].confidences) == 4


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_split_without_any_target_has_predictions_and_no_scores(split: str) -> None:
    made = module(columns=Columns(labelled_columns().records.select_columns(["id", "tokens"])))
    getattr(made, {"val": "validation_step", "test": "test_step"}[split])(batch_of(made, 0, 1), 0)
    getattr(made, {"val": "on_validation_epoch_end", "test": "on_test_epoch_end"}[split])()
    assert made.scores == {}
    assert len(made.predictions["tags"]) == 2


def test_dropout_follows_seed_and_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = {}
    for seed in (0, 1):
        for epoch in (0, 1):
            made = module(seed=seed)
            monkeypatch.setattr(type(made), "current_epoch", epoch)
            torch.manual_seed(99 + epoch)
            made.on_train_epoch_start()
            drawn[seed, epoch] = torch.rand(3).tolist()
            made.on_train_epoch_start()
            assert torch.rand(3).tolist() == drawn[seed, epoch]
    assert len({str(values) for values in drawn.values()}) == 4


def test_epoch_tokens_count_real_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    made = module()
    monkeypatch.setattr(type(made), "current_epoch", 0)
    made.on_train_epoch_start()
    made.training_step(batch_of(made, 0, 1, 2), 0)
    made.training_step(batch_of(made, 3), 1)
    assert made.epoch_tokens == 4 + 1 + 0 + 6
    made.on_train_epoch_start()
    assert made.epoch_tokens == 0


def test_optimizer_takes_what_is_trainable() -> None:
    made = module()
    made.labeler.embedding.requires_grad_(False)
    optimizer = made.configure_optimizers()
    chosen = [p for group in optimizer.param_groups for p in group["params"]]
    assert {id(p) for p in chosen} == {id(p) for p in made.labeler.heads.parameters()}


def test_scheduler_comes_with_its_timing() -> None:
    made = module()
    made.scheduler = {"factory": partial(torch.optim.lr_scheduler.StepLR, step_size=1), "interval": "epoch", "monitor": None}
    configured = made.configure_optimizers()["lr_scheduler"]
    assert isinstance(configured.pop("scheduler"), torch.optim.lr_scheduler.StepLR)
    assert configured == {"interval": "epoch"}


def test_flat_scores_are_the_floats_without_those_of_single_labels() -> None:
    scores = {"f1": {"strict": 0.5, "default": 0.25}, "n": 3, "scheme": "BIO", "per_type": {"A": {"f1": 1.0}}, "accuracy": 1.0}
    assert flat_scores(scores) == {"f1/strict": 0.5, "f1/default": 0.25, "accuracy": 1.0}


@pytest.mark.parametrize("max_norm", [0.5, 5.0, 50.0])
def test_clipping_equals_torch(max_norm: float) -> None:
    ours, theirs = ([torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(torch.zeros(2, 2))] for _ in range(2))
    without = torch.nn.Parameter(torch.zeros(1))
    for parameters in (ours, theirs):
        parameters[0].grad, parameters[1].grad = torch.tensor([3.0, 0, 4]), torch.full((2, 2), 6.0)
    clip_to_norm_([*ours, without], max_norm=max_norm)
    torch.nn.utils.clip_grad_norm_(theirs, max_norm)
    assert all(torch.equal(one.grad, other.grad) for one, other in zip(ours, theirs, strict=True))


def test_clipping_leaves_a_norm_that_is_no_number_to_be_seen() -> None:
    parameter = torch.nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([torch.nan, 1.0])
    clip_to_norm_([parameter], max_norm=1.0)
    assert parameter.grad.isnan().all()
