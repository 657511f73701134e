"""The semi-Markov CRF head: whole segments are scored, not the tags of their steps (Sarawagi and Cohen 2004)."""

import math
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from seqlab.data.batch import Batch, EncodedRecords
from seqlab.data.fields import TagField
from seqlab.data.schemes import Scheme
from seqlab.errors import ConfigError
from seqlab.functional import semi_markov
from seqlab.functional.semi_markov import Segmentation, Segments, SemiMarkov, segment_sums
from seqlab.heads.parts.misfits import Misfits
from seqlab.heads.parts.temperature import Temperature
from seqlab.heads.tag import TagHead
from seqlab.steps import Steps
from seqlab.types import Alternative, Prediction, Span


@final
class SemiMarkovHead(TagHead):
    """Segments and labels at once: a record is cut into spans of at most `max_length` steps, and single steps outside all.

    A segment scores the sum of what its steps score for its label, what its first and its last step score for it, and what its
    length does; labels of neighbours score too. What comes out are tags in the scheme of the target, each as probable as
    the whole segment that it stands in. Training records with a longer span, or with a label that training never saw, are left
    out of the loss; the former are told with their number before training.
    """

    why_unranked = None
    why_no_entropy = None

    def __init__(self, *, target: TagField, input_width: int, summary_width: int, max_length: int) -> None:
        super().__init__(target=target)
        if target.span_scheme is None:
            raise ConfigError("heads.tags finds spans, but the tags spell none: data.scheme is null; set it, or use head=[crf]")
        if max_length < 1:
            raise ConfigError(f"heads.tags.max_length is {max_length}; expected at least 1 step")
        spans = (span for tag in target.tags for span in target.span_scheme.spans([tag]))
        self.labels = list(dict.fromkeys(span.label for span in spans))
        self.max_length = max_length
        n_labels = 1 + len(self.labels)  # the first is no span's: a step outside all
        self.projection = nn.Linear(input_width, 3 * n_labels)
        self.length_scores = nn.Parameter(torch.zeros(max_length, n_labels))
        self.transitions = nn.Parameter(torch.empty(n_labels, n_labels).uniform_(-0.1, 0.1))
        self.start = nn.Parameter(torch.empty(n_labels).uniform_(-0.1, 0.1))
        self.end = nn.Parameter(torch.empty(n_labels).uniform_(-0.1, 0.1))
        self.temperature = Temperature()

    @property
    def scheme(self) -> Scheme:
        """The scheme of the tags."""
        assert self.target.span_scheme is not None
        return self.target.span_scheme

    def loss(self, steps: Steps, batch: Batch) -> Float[Tensor, ""]:
        """Return the negative log-likelihood a step of the records with a segmentation."""
        golds, model = self._golds(steps, batch), self._model(steps)
        rows = list(golds)
        chosen = SemiMarkov(model.scores[rows], model.lengths[rows], model.transitions, model.start, model.end)
        gold = Segments.of(list(golds.values()), device=steps.values.device)
        return semi_markov.negative_log_likelihood(chosen, gold).sum() / chosen.lengths.sum().clamp(min=1)

    def n_targets(self, steps: Steps, batch: Batch) -> int:
        """Return the number of steps of the records with a segmentation."""
        return sum(segments[-1][1] for segments in self._golds(steps, batch).values() if segments)

    def check_records(self, records: EncodedRecords, *, split: str, is_taught: bool) -> None:
        """Tell of the records with a longer span than may be, beside what any head of tags refuses."""
        super().check_records(records, split=split, is_taught=is_taught)
        spans = [self.scheme.spans(tags) for tags in self.target.gold(records.columns)]
        longest = [max((span.end - span.start for span in row), default=0) for row in spans]
        n_misfits = sum(length > self.max_length for length in longest)
        reason = f"have a span of more than {self.max_length} steps"
        remedy = f"with heads.tags.max_length={max(longest, default=0)} all would fit"
        Misfits("heads.tags", split, n_misfits, len(longest), reason, remedy).tell(is_taught=is_taught)

    def predict(self, steps: Steps, batch: Batch, *, use_confidences: bool) -> list[Prediction]:
        """Return the tags of the best segmentation; a tag's confidence is the probability of its segment."""
        model = self._model(steps)
        found = semi_markov.viterbi(model)[0]
        probs = semi_markov.marginals(model) if use_confidences else None
        return [
            Prediction(self._spelled(segments), [] if probs is None else _by_step(segments, probs[i]))
            for i, segments in enumerate(found)
        ]

    def best(self, steps: Steps, batch: Batch, *, n: int) -> list[list[Alternative]]:
        """Return the tags of the `n` likeliest segmentations."""
        found, logs = semi_markov.best_paths(self._model(steps), n)
        return [
            [
                Alternative(self._spelled(segments), math.exp(log_prob))
                for segments, log_prob in zip(row, of_row, strict=False)
                if log_prob > -math.inf
            ]
            for row, of_row in zip(found, logs.tolist(), strict=True)
        ]

    def entropy(self, steps: Steps, batch: Batch) -> Float[Tensor, " batch"]:
        """Return the entropy of the distribution over segmentations."""
        return semi_markov.entropy(self._model(steps))

    def _model(self, steps: Steps) -> SemiMarkov:
        """Return the scores of all segments."""
        each, first, last = self.projection(steps.zero_padded().values).float().chunk(3, dim=2)
        firsts = torch.stack([pad(first, (0, 0, d, 0))[:, : first.shape[1]] for d in range(self.max_length)], 2)
        scores = segment_sums(each, self.max_length) + firsts + last.unsqueeze(2) + self.length_scores
        is_long = torch.arange(self.max_length, device=scores.device) > 0
        is_outside = torch.arange(1 + len(self.labels), device=scores.device) == 0
        scores = scores.masked_fill(is_long[:, None] & is_outside, -torch.inf)  # outside, every step stands alone
        scores, *others = (self.temperature(part) for part in (scores, self.transitions, self.start, self.end))
        return SemiMarkov(scores, steps.lengths, *others)

    def _golds(self, steps: Steps, batch: Batch) -> dict[int, Segmentation]:
        """Return the segmentation of each record that has one with no span too long."""
        golds = enumerate(map(self._gold_segments, self._tags(batch.tensor(self.target), steps)))
        return {row: segments for row, segments in golds if segments is not None and self._fits(segments)}

    def _tags(self, ids: Tensor, steps: Steps) -> list[list[str] | None]:
        """Return each record's tags, None where one is unknown."""
        names = self.target.tags
        rows = [row[:length] for row, length in zip(ids.tolist(), steps.lengths.tolist(), strict=True)]
        return [None if any(not 0 <= i < len(names) for i in row) else [names[i] for i in row] for row in rows]

    def _gold_segments(self, tags: list[str] | None) -> Segmentation | None:
        """Return the segments that tags spell, steps outside all spans as segments of their own."""
        if tags is None:
            return None
        found: Segmentation = []
        for start, end, label in self.scheme.spans(tags):
            found += [(step, step + 1, 0) for step in range(found[-1][1] if found else 0, start)]
            found.append((start, end, 1 + self.labels.index(label)))
        return found + [(step, step + 1, 0) for step in range(found[-1][1] if found else 0, len(tags))]

    def _fits(self, segments: Segmentation) -> bool:
        return all(end - start <= self.max_length for start, end, _ in segments)

    def _spelled(self, segments: Segmentation) -> list[str]:
        spans = [Span(start, end, self.labels[label - 1]) for start, end, label in segments if label]
        return self.scheme.encode(spans, n_steps=segments[-1][1] if segments else 0)


def _by_step(segments: Segmentation, probs: Float[Tensor, "time length label"]) -> list[float]:
    """Return at each step the probability of its segment."""
    if not segments:
        return []
    starts, ends, labels = torch.tensor(segments, device=probs.device).T
    found = probs[ends - 1, ends - starts - 1, labels]
    by_step: list[float] = found.repeat_interleave(ends - starts).clamp(max=1.0).tolist()
    return by_step
