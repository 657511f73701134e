"""`Labeler`: embedding, encoder and heads in a row. It knows no trainer."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, final

from torch import Tensor, nn

from seqlab.config import build
from seqlab.data.encoding import Batch
from seqlab.data.fields.registry import Fields
from seqlab.embeddings import EmbeddingLayer
from seqlab.encoders import Encoder
from seqlab.errors import ConfigError
from seqlab.heads import Head
from seqlab.steps import Steps
from seqlab.types import Prediction

MODEL_KEYS = ("embedding", "encoder", "heads")
"""The parts of a config that make a labeler: what a bundle keeps of it."""


@final
class Labeler(nn.Module):
    """Labels batches: one embedding layer, one encoder, and any number of heads that share them."""

    def __init__(self, *, embedding: EmbeddingLayer, encoder: Encoder, heads: Mapping[str, Head]) -> None:
        super().__init__()
        self.embedding = embedding
        self.encoder = encoder
        # torch types the values of a ModuleDict as Module alone; what is read from it here are heads.
        self.heads: Mapping[str, Head] = nn.ModuleDict(dict(heads))  # type: ignore[assignment]

    def forward(self, batch: Batch) -> Steps:
        """Return the encoded steps."""
        return self.encoder.encode(self.embedding(batch), batch)

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

        With the `n_best` likeliest answers where the head ranks them, and the entropy of its answer where it knows it and that
        is asked for. `heads` are the names of those that are asked; None: all.
        """
        steps = self(batch)
        asked = {name: head for name, head in self.heads.items() if heads is None or name in heads}
        found = {
            name: _placed(head.predict(steps, batch, use_confidences=use_confidences), steps, is_per_step=head.is_per_step)
            for name, head in asked.items()
        }
        for name, head in asked.items():
            if n_best and (ranked := head.best(steps, batch, n=n_best)) is not None:
                found[name] = [replace(one, alternatives=best) for one, best in zip(found[name], ranked, strict=True)]
            if use_entropy and (nats := head.entropy(steps, batch)) is not None:
                found[name] = [replace(one, entropy=value) for one, value in zip(found[name], nats.tolist(), strict=True)]
        return found


def _placed(predictions: list[Prediction], steps: Steps, *, is_per_step: bool) -> list[Prediction]:
    """Return the predictions with bounds in steps of the record, where the encoder's own steps are others.

    Labels of steps get those of their steps. A stretch of steps begins where its first one does and ends where its last does.
    """
    if steps.covers is None:
        return predictions
    places = [row[:length] for row, length in zip(steps.covers.tolist(), steps.lengths.tolist(), strict=True)]
    given = [[(i, i + 1) for i in range(len(p.labels))] if is_per_step else p.bounds for p in predictions]
    return [
        prediction if bounds is None else replace(prediction, bounds=[(row[a][0], row[b - 1][1]) for a, b in bounds])
        for prediction, bounds, row in zip(predictions, given, places, strict=True)
    ]


def build_labeler(config: Mapping[str, Any], *, fields: Fields, targets: frozenset[str]) -> Labeler:
    """Return the labeler that the model part of a config describes, its fields taken from the fitted `fields`.

    Raises: ConfigError when there is no head, or an option that a part does not take.
    """
    if not config["heads"]:
        raise ConfigError("heads is empty; choose at least one, as in head=crf or head=[crf,sequence]")
    embedding = build(config["embedding"], targets=targets, resolve=fields.resolve, path="embedding")
    encoder = build(
        config["encoder"],
        targets=targets,
        resolve=fields.resolve,
        path="encoder",
        input_width=embedding.output_width,
    )
    heads = {
        name: build(
            node,
            targets=targets,
            resolve=fields.resolve,
            path=f"heads.{name}",
            input_width=encoder.output_width,
            summary_width=encoder.summary_width,
        )
        for name, node in config["heads"].items()
    }
    return Labeler(embedding=embedding, encoder=encoder, heads=heads)
