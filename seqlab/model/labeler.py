"""`Labeler`: embedding, encoder and heads. It knows no trainer."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, final

from torch import Tensor, nn

from seqlab.config.build import build
from seqlab.data.batch import Batch
from seqlab.data.fields.registry import Fields
from seqlab.data.pairs import SECOND
from seqlab.embeddings import EmbeddingLayer
from seqlab.encoders import Encoder
from seqlab.errors import ConfigError, DataError
from seqlab.heads import Head
from seqlab.heads.parts.layer import Layer
from seqlab.steps import Steps
from seqlab.types import Prediction


@final
class Labeler(nn.Module):
    """Labels batches: one embedding layer, one encoder, and any number of heads that share them.

    Args:
        embedding: Makes the steps of a batch from its fields.
        encoder: Encodes the steps; its `input_width` is the embedding's `output_width`.
        heads: Heads by name, at least one; each reads the encoder's steps or its summary.
    """

    def __init__(self, *, embedding: EmbeddingLayer, encoder: Encoder, heads: Mapping[str, Head]) -> None:
        super().__init__()
        self.embedding = embedding
        self.encoder = encoder
        # torch types the values of a ModuleDict as Module alone; what is read from it here are heads.
        self.heads: Mapping[str, Head] = nn.ModuleDict(dict(heads))  # type: ignore[assignment]
        for name, head in heads.items():
            # Heads name their place in the config in messages.
            head.path = f"heads.{name}"

    def forward(self, batch: Batch) -> Steps:
        """Return the encoded steps; of records with two sides, both, each encoded separately."""
        steps = self.encoder.encode(self.embedding(batch), batch)
        _check_widths(steps, self.encoder)
        if batch.second is None:
            return steps
        try:
            return replace(steps, second=self(batch.second))
        except DataError as error:
            raise DataError(f"second sides (columns that end in {SECOND}): {error}") from error

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return the loss of every head whose target the batch has."""
        steps = self(batch)
        return {name: head.loss(steps, batch) for name, head in self.heads.items() if head.target in batch}

    def predict(
        self,
        batch: Batch,
        *,
        use_confidences: bool,
        n_best: int = 0,
        use_entropy: bool = False,
        heads: Collection[str] | None = None,
    ) -> dict[str, list[Prediction]]:
        """Return each head's prediction for every record.

        `n_best` alternatives, and the entropy, are added for the heads that have them. `heads` names the heads to ask; None:
        all.
        """
        steps = self(batch)
        return {
            name: head.predict(steps, batch, use_confidences=use_confidences, n_best=n_best, use_entropy=use_entropy)
            for name, head in self.heads.items()
            if heads is None or name in heads
        }

    def layers(self) -> dict[str, Layer]:
        """Return how the labels of each head lie over a record."""
        return {name: head.layer(has_steps=self.encoder.keeps_steps) for name, head in self.heads.items()}


def _check_widths(steps: Steps, encoder: Encoder) -> None:
    """Raise ConfigError for an encoder that misstates its widths, for which the heads are made."""
    for name, found in (("output_width", steps.values), ("summary_width", steps.summary)):
        if found is not None and found.shape[-1] != (stated := getattr(encoder, name)):
            expected = f"expected {stated}, the {name} of {type(encoder).__name__}; correct that"
            raise ConfigError(f"encoder gives vectors of {found.shape[-1]} features; {expected}")


def labels_of(heads: Mapping[str, Head], steps: Steps, batch: Batch, *, use_confidences: bool) -> dict[str, list[Prediction]]:
    """Return the predictions of each of the `heads` for the encoded steps of a batch."""
    return {name: head.predict(steps, batch, use_confidences=use_confidences) for name, head in heads.items()}


def build_labeler(config: Mapping[str, Any], *, fields: Fields, targets: frozenset[str]) -> Labeler:
    """Return the labeler that the model part of a config describes, with its fields replaced by the fitted `fields`.

    Raises: ConfigError without any head, and for an option that a part does not take.
    """
    if not config["heads"]:
        raise ConfigError("heads is empty; choose at least one, as in head=crf or head=[crf,sequence]")
    nodes = {"embedding": config["embedding"], "encoder": config["encoder"]}
    for path, node in (nodes | {f"heads.{name}": node for name, node in config["heads"].items()}).items():
        if "_target_" not in node:
            raise ConfigError(
                f"{path} has no _target_, which names its class; choose an option for it, or add {path}._target_=…"
            )
    part = partial(build, targets=targets, resolve=fields.resolve)
    # Parts draw their initial weights in this order.
    embedding = part(config["embedding"], path="embedding")
    encoder = part(config["encoder"], path="encoder", input_width=embedding.output_width)
    widths: dict[str, Any] = {"input_width": encoder.output_width, "summary_width": encoder.summary_width}
    heads = {name: part(node, path=f"heads.{name}", **widths) for name, node in config["heads"].items()}
    check_steps(heads, keeps_steps=encoder.keeps_steps)
    return Labeler(embedding=embedding, encoder=encoder, heads=heads)


def check_steps(heads: Mapping[str, Head], *, keeps_steps: bool) -> None:
    """Raise ConfigError for a head whose labels belong to other steps than the encoder gives."""
    for name, head in heads.items():
        if head.is_of_record_steps is not None and head.is_of_record_steps is not keeps_steps:
            if keeps_steps:
                reason = "nodes of trees, but the encoder gives steps of the records; choose a tree encoder"
            else:
                reason = (
                    "steps of the records, but the encoder gives nodes of trees; choose head=[nodes], or encoder.output=leaves"
                )
            raise ConfigError(f"heads.{name} labels the {reason}")
