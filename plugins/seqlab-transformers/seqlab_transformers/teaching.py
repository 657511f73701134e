"""What a trained tagger, as a teacher, says of records: its labels, and how probable it finds every tag at every step."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor

from seqlab.data.batching import sorted_batches
from seqlab.data.records import records_from_columns
from seqlab.errors import ConfigError, DataError
from seqlab.heads import TokenHead
from seqlab.heads.distributions import TagDistribution
from seqlab.inference import Tagger
from seqlab.inference.tagger import MAX_TOKENS, read_input
from seqlab.steps import Steps

N_DECIMALS = 6


@final
class Teacher:
    """A tagger that shares what it knows: of its head `head`, None where it has a single one that tags steps.

    Tags less probable than `least` are left out of what it says.
    """

    def __init__(self, tagger: Tagger, *, head: str | None, least: float, device: torch.device) -> None:
        self.tagger, self.least, self.device = tagger, least, device
        self.labeler = tagger.bundle.labeler.to(device)
        self.head = _token_head(tagger, head)

    def taught(self, records: Sequence[Mapping[str, Any]], *, first: int) -> Iterator[dict[str, Any]]:
        """Return the records with `tokens`, `tags` and `teacher`: an object a step, tag -> probability.

        Records that have tags keep them; the others get the teacher's labels. `first` is the place of the first record in the
        input, for messages.

        Raises: DataError for tags that the teacher does not know, or that are not one a step.
        """
        complete = [read_input(record) for record in records]
        for i, (record, (labels, answers)) in enumerate(zip(complete, self._answers(complete), strict=True), start=first):
            tags = labels if record.get("tags") is None else record["tags"]
            self._check(tags, n_steps=len(labels), record=record.get("id", i))
            yield {**record, "tags": tags, "teacher": answers}

    @torch.inference_mode()
    def _answers(self, records: Sequence[Mapping[str, Any]]) -> list[tuple[list[str], list[dict[str, float]]]]:
        columns = {name: [_value(record, name) for record in records] for name in self.tagger.columns}
        encoded = self.tagger.bundle.fields.encode(records_from_columns(columns))
        found: list[Any] = [None] * len(records)
        for rows in sorted_batches(encoded.lengths, max_tokens=MAX_TOKENS):
            batch = encoded.batch(rows).to(self.device)
            steps: Steps = self.labeler(batch)
            believed = self.head.distribution(steps, batch)
            assert isinstance(believed, TagDistribution), type(believed)
            predictions, probs = believed.predictions(use_confidences=False), believed.marginals.cpu()
            for row, prediction, of_record in zip(rows.tolist(), predictions, probs, strict=True):
                found[row] = (prediction.labels, self._likely(of_record[: len(prediction.labels)]))
        return found

    def _likely(self, probs: Tensor) -> list[dict[str, float]]:
        """Return the tags of each step that are probable enough, with their probabilities."""
        names = self.head.target.tags
        pairs = (zip(names, row, strict=True) for row in probs.tolist())
        return [{tag: round(prob, N_DECIMALS) for tag, prob in of_step if prob >= self.least} for of_step in pairs]

    def _check(self, tags: Sequence[str], *, n_steps: int, record: object) -> None:
        unknown = next((tag for tag in tags if tag not in self.head.target.tags), None)
        if unknown is not None:
            raise DataError(
                f"record {record!r} has the tag {unknown!r}, which the teacher does not know; it has "
                f"{', '.join(self.head.target.tags)}; bring tags into its scheme (seqlab data convert), or leave them out"
            )
        if len(tags) != n_steps:
            raise DataError(f"record {record!r} has {len(tags)} tags for {n_steps} steps; expected one a step")


def _value(record: Mapping[str, Any], name: str) -> Any:
    if name not in record:
        raise DataError(f"record {record.get('id', '')!r} has no {name!r}, which the teacher reads; it has {', '.join(record)}")
    return record[name]


def _token_head(tagger: Tagger, name: str | None) -> TokenHead:
    if not tagger.bundle.labeler.encoder.keeps_steps:
        raise ConfigError("the teacher labels nodes of trees, and a student learns tags of tokens; take a teacher of such")
    heads = tagger.bundle.labeler.heads
    able = {key: head for key, head in heads.items() if isinstance(head, TokenHead) and "marginals" not in head.lacks}
    if name is None and len(able) == 1:
        return next(iter(able.values()))
    if name not in able:
        raise ConfigError(
            f"--head is {name!r}; the teacher's heads that know the probability of every tag are {', '.join(able) or 'none'}"
            f" (of {', '.join(heads)}); a teacher is a softmax, CRF or HMM over tags"
        )
    return able[name]
