"""The semi-Markov CRF head: scores whole segments, not the tags of their steps (Sarawagi and Cohen 2004)."""

from types import MappingProxyType
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from seqlab.data.batch import Batch, EncodedRecords
from seqlab.data.fields import TagTargets
from seqlab.errors import ConfigError
from seqlab.functional import semi_markov
from seqlab.functional.semi_markov import Segmentation, Segments, SemiMarkov, fill_gaps, limit_lengths, segment_sums
from seqlab.functional.widths import Linear
from seqlab.heads.crf import transition_scores
from seqlab.heads.distributions.segmentations import Segmentations
from seqlab.heads.parts.misfits import report_misfits
from seqlab.heads.parts.options import check_option
from seqlab.heads.parts.span_views import TagSpans
from seqlab.heads.parts.temperature import Temperature
from seqlab.heads.token import CANNOT_BE_TAUGHT, TokenHead
from seqlab.steps import Steps


@final
class SemiMarkovHead(TokenHead):
    """Predicts segments and labels together: spans of at most `max_length` steps, and single steps outside them.

    The score of a segment is the sum of the scores of its steps for its label, of its first and its last step, and of its
    length; pairs of neighbouring labels score as well. Predictions are tags in the scheme of the target, each with the
    probability of its whole segment. Records with a longer span, or with a label unseen in training, are left out of the loss;
    the number of the former is reported before training.

    Args:
        target: Field of the tags; it needs a span scheme.
        input_width: Features per step.
        summary_width: Features of the encoder's summary; not used.
        max_length: Steps of the longest span that can be found, at least 1.
    """

    lacks = MappingProxyType(
        {
            "marginals": "it knows the probability of segments, not of the tags of single steps",
            "log_marginals": f"a semi-Markov CRF {CANNOT_BE_TAUGHT}",
        }
    )

    item_axes = MappingProxyType(
        {"projection.weight": "s-", "projection.bias": "s", "length_scores": "nl", "transitions": "ll"}
        | dict.fromkeys(("start", "end"), "l")
    )

    def __init__(self, *, target: TagTargets, input_width: int, summary_width: int, max_length: int = 8) -> None:
        super().__init__(target=target)
        if target.span_scheme is None:
            raise ConfigError(
                "a semi-Markov head finds spans, but the tags encode none: data.scheme is null; set it, or use head=[crf]"
            )
        check_option(max_length >= 1, "at least 1", max_length=max_length)
        self.scheme, self.max_length = target.span_scheme, max_length
        self.labels = TagSpans(target, self.scheme).labels
        n_labels = 1 + len(self.labels)  # label 0: a single step outside all spans
        # three scores per label: of a step in a segment, of a first step, and of a last step
        self.projection = Linear(input_width, 3 * n_labels)
        # zeros: a new model has no preference for any length
        self.length_scores = nn.Parameter(torch.zeros(max_length, n_labels))
        self.transitions, self.start, self.end = transition_scores(n_labels)
        self.temperature = Temperature()

    def axis_items(self, axis: str) -> list[str]:
        """Return the labels, the three scores of each (`s`), or the lengths (`n`)."""
        labels = ["", *self.labels]  # label 0 has no name
        scores = [f"{score} {label}" for score in ("within", "first", "last") for label in labels]
        return {"l": labels, "s": scores, "n": list(map(str, range(1, self.max_length + 1)))}[axis]

    def distribution(self, steps: Steps, batch: Batch) -> Segmentations:
        return Segmentations(self._model(steps), self.labels, self.scheme)

    def _loss(self, believed: Segmentations, tags: Int[Tensor, "batch time"], steps: Steps) -> Float[Tensor, ""]:
        golds, model = self._golds(tags, steps), believed.model
        # records without a usable segmentation are left out of the batch
        rows = list(golds)
        chosen = SemiMarkov(model.scores[rows], model.lengths[rows], model.transitions, model.start, model.end)
        gold = Segments.of(list(golds.values()), device=steps.values.device)
        return semi_markov.negative_log_likelihood(chosen, gold).sum() / chosen.lengths.sum().clamp(min=1)

    def n_targets(self, steps: Steps, batch: Batch) -> int:
        """Return the number of steps of the records with a segmentation."""
        return sum(segments[-1][1] for segments in self._golds(self._tags(batch), steps).values() if segments)

    def check_records(self, records: EncodedRecords, *, split: str, is_taught: bool) -> None:
        """Report the records with a span that is too long, and refuse what every token head refuses."""
        super().check_records(records, split=split, is_taught=is_taught)
        spans = [self.scheme.spans(tags) for tags in self.target.gold(records.columns)]
        longest = [max((span.end - span.start for span in row), default=0) for row in spans]
        n_misfits = sum(length > self.max_length for length in longest)
        reason = f"have a span of more than {self.max_length} steps"
        remedy = f"with {self.path}.max_length={max(longest, default=0)} all would fit"
        report_misfits(n_misfits, len(longest), reason, remedy, path=self.path, split=split, is_taught=is_taught)

    def _model(self, steps: Steps) -> SemiMarkov:
        """Return the scores of all segments."""
        each, first, last = self.projection(steps.zero_padded().values).float().chunk(3, dim=2)
        firsts = torch.stack([pad(first, (0, 0, d, 0))[:, : first.shape[1]] for d in range(self.max_length)], 2)
        scores = segment_sums(each, self.max_length) + firsts + last.unsqueeze(2) + self.length_scores
        # outside spans, each step is a segment
        max_lengths = torch.tensor([1] + [self.max_length] * len(self.labels), device=scores.device)
        scores = limit_lengths(scores, max_lengths)
        scores, *others = map(self.temperature, (scores, self.transitions, self.start, self.end))
        return SemiMarkov(scores, steps.lengths, *others)

    def _golds(self, tags: Int[Tensor, "batch time"], steps: Steps) -> dict[int, Segmentation]:
        """Return the segmentations by record, without records that have an unknown tag or a span that is too long."""
        golds = {}
        for row, (ids, length) in enumerate(zip(tags.tolist(), steps.lengths.tolist(), strict=True)):
            if all(0 <= i < len(self.target.tags) for i in ids[:length]):
                segments = self._segments([self.target.tags[i] for i in ids[:length]])
                if all(end - start <= self.max_length for start, end, _ in segments):
                    golds[row] = segments
        return golds

    def _segments(self, tags: list[str]) -> Segmentation:
        """Return the segments of tags; each step outside all spans is a segment."""
        spans = [(start, end, 1 + self.labels.index(label)) for start, end, label in self.scheme.spans(tags)]
        return fill_gaps(spans, len(tags), label=0)
