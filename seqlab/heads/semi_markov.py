"""The semi-Markov CRF head: scores whole segments, not the tags of their steps (Sarawagi and Cohen 2004)."""

from types import MappingProxyType
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
from seqlab.heads.distributions.segmentations import Segmentations
from seqlab.heads.parts.misfits import Misfits
from seqlab.heads.parts.ranges import check_count
from seqlab.heads.parts.temperature import Temperature
from seqlab.heads.token import TokenHead
from seqlab.steps import Steps


@final
class SemiMarkovHead(TokenHead):
    """Finds segments and labels together: a record is cut into spans of at most `max_length` steps, and single steps outside.

    The score of a segment is the sum of the scores of its steps for its label, of its first and its last step, and of its
    length; neighbouring labels score too. Predictions are tags in the scheme of the target, each with the probability of its
    whole segment. Training records with a longer span, or with a label unseen in training, are left out of the loss; the
    number of the former is reported before training.

    Args:
        target: Field of the tags; it needs a span scheme.
        input_width: Features of a step.
        summary_width: Features of the encoder's summary; not used.
        max_length: Steps of the longest span that can be found, at least 1.
    """

    lacks = MappingProxyType({"marginals": "it knows the probability of segments, not of the tags of single steps"})

    def __init__(self, *, target: TagField, input_width: int, summary_width: int, max_length: int) -> None:
        super().__init__(target=target)
        if target.span_scheme is None:
            raise ConfigError(
                "a semi-Markov head finds spans, but the tags encode none: data.scheme is null; set it, or use head=[crf]"
            )
        check_count(max_length, name="max_length")
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
        """Report the records with a span that is too long, and refuse what every token head refuses."""
        super().check_records(records, split=split, is_taught=is_taught)
        spans = [self.scheme.spans(tags) for tags in self.target.gold(records.columns)]
        longest = [max((span.end - span.start for span in row), default=0) for row in spans]
        n_misfits = sum(length > self.max_length for length in longest)
        reason = f"have a span of more than {self.max_length} steps"
        remedy = f"with {self.path}.max_length={max(longest, default=0)} all would fit"
        Misfits(self.path, split, n_misfits, len(longest), reason, remedy).report(is_taught=is_taught)

    def distribution(self, steps: Steps, batch: Batch) -> Segmentations:
        """Return the distribution over segmentations."""
        return Segmentations(self._model(steps), self.labels, self.scheme)

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
        """Return the segmentation of each record that has one without too long a span."""
        golds = enumerate(map(self._gold_segments, self._tags(batch.tensor(self.target), steps)))
        return {row: segments for row, segments in golds if segments is not None and self._fits(segments)}

    def _tags(self, ids: Tensor, steps: Steps) -> list[list[str] | None]:
        """Return each record's tags, None where one is unknown."""
        names = self.target.tags
        rows = [row[:length] for row, length in zip(ids.tolist(), steps.lengths.tolist(), strict=True)]
        return [None if any(not 0 <= i < len(names) for i in row) else [names[i] for i in row] for row in rows]

    def _gold_segments(self, tags: list[str] | None) -> Segmentation | None:
        """Return the segments of tags; each step outside all spans is a segment."""
        if tags is None:
            return None
        found: Segmentation = []
        for start, end, label in self.scheme.spans(tags):
            found += [(step, step + 1, 0) for step in range(found[-1][1] if found else 0, start)]
            found.append((start, end, 1 + self.labels.index(label)))
        return found + [(step, step + 1, 0) for step in range(found[-1][1] if found else 0, len(tags))]

    def _fits(self, segments: Segmentation) -> bool:
        return all(end - start <= self.max_length for start, end, _ in segments)
