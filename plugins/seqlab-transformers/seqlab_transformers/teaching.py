"""Label records with a teacher: its tags, and its probability of every tag at every token."""

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
from seqlab.inference.given import read_input
from seqlab.inference.tagger import MAX_TOKENS
from seqlab.steps import Steps

N_DECIMALS = 6


@final
class Teacher:
    """A tagger that labels training data for a student.

    Args:
        tagger: The trained tagger.
        head: Name of the head to distil; None selects the only head that tags tokens.
        least: Tags with a lower probability are omitted.
        device: Where to run the tagger.
    """

    def __init__(self, tagger: Tagger, *, head: str | None, least: float, device: torch.device) -> None:
        self.tagger, self.least, self.device = tagger, least, device
        self.labeler = tagger.bundle.labeler.to(device)
        self.head = _token_head(tagger, head)
        written = self.head.data_tags
        # only then are the probabilities of its tags sums of those that the head knows
        self._converts = written is not None and written.is_by_step
        self._names = [written.tag(tag) if written and self._converts else tag for tag in self.head.target.tags]

    def taught(self, records: Sequence[Mapping[str, Any]], *, first: int) -> Iterator[dict[str, Any]]:
        """Yield the records with `tokens`, `tags` and `teacher`, which maps tags to probabilities for each token.

        Tags have the scheme of the teacher's data, if the tag of a step there follows from the one that the teacher learned
        (BIO from BIOES); otherwise the scheme that it learned. Records with tags keep them; the others get the teacher's.
        `first` is the index of the first record in the input, for error messages.

        Raises: DataError if a record has a tag that the teacher does not know, or not one tag per token.
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
                labels = self.head.written([prediction])[0].labels if self._converts else prediction.labels
                found[row] = (labels, self._likely(of_record[: len(labels)]))
        return found

    def _likely(self, probs: Tensor) -> list[dict[str, float]]:
        """Return the tags of each token whose probability is at least `least`, with their probabilities."""
        found = []
        for row in probs.tolist():
            of_step = dict.fromkeys(self._names, 0.0)
            for tag, prob in zip(self._names, row, strict=True):
                # several tags that the head knows may be one tag of the data (B- and S- of BIOES are B- of BIO), so their
                # probabilities add up
                of_step[tag] += prob
            found.append({tag: round(prob, N_DECIMALS) for tag, prob in of_step.items() if prob >= self.least})
        return found

    def _check(self, tags: Sequence[str], *, n_steps: int, record: object) -> None:
        unknown = next((tag for tag in tags if tag not in self._names), None)
        if unknown is not None:
            raise DataError(
                f"record {record!r} has the tag {unknown!r}, which the teacher does not know; expected one of "
                f"{', '.join(dict.fromkeys(self._names))}; convert the tags to its scheme (seqlab data convert), or remove them"
            )
        if len(tags) != n_steps:
            raise DataError(f"record {record!r} has {len(tags)} tags for {n_steps} tokens; expected one tag per token")


def _value(record: Mapping[str, Any], name: str) -> Any:
    if name not in record:
        raise DataError(f"record {record.get('id', '')!r} has no {name!r}, which the teacher needs; it has {', '.join(record)}")
    return record[name]


def _token_head(tagger: Tagger, name: str | None) -> TokenHead:
    if not tagger.bundle.labeler.encoder.keeps_steps:
        raise ConfigError(
            "the teacher labels the nodes of trees, but a student learns tags of tokens; use a teacher that tags tokens"
        )
    heads = tagger.bundle.labeler.heads
    able = {key: head for key, head in heads.items() if isinstance(head, TokenHead) and "marginals" not in head.lacks}
    if name is None and len(able) == 1:
        return next(iter(able.values()))
    if name not in able:
        raise ConfigError(
            f"--head is {name!r}; expected a head with a probability for every tag (softmax, CRF or HMM); of this teacher's"
            f" heads ({', '.join(heads)}), these qualify: {', '.join(able) or 'none'}"
        )
    return able[name]
