"""`SemiMarkovCrf`: the semi-Markov CRF as a layer over scores, segments and a mask."""

from collections.abc import Sequence
from typing import TypeAlias, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqlab.errors import ConfigError
from seqlab.functional import semi_markov
from seqlab.functional.semi_markov import Segmentation, Segments, SemiMarkov, limit_lengths, segment_sums
from seqlab.heads.crf import transition_scores
from seqlab.heads.layers.masks import Mask, lengths_of
from seqlab.heads.layers.reductions import check_reduction, reduced
from seqlab.heads.parts.options import check_option

Scores: TypeAlias = Float[Tensor, "batch time label"] | Float[Tensor, "batch time length label"]


@final
class SemiMarkovCrf(nn.Module):
    """Semi-Markov CRF (Sarawagi and Cohen 2004): cuts each record into segments, each with a label.

    Scores are (batch, time, label), such as the output of a linear layer: the score of a segment is then the sum of those of
    its steps. Or they are (batch, time, length, label), scores of whole segments: at [:, t, d] that of the d + 1 steps which
    end with step t. Added to these are learned scores of lengths, of pairs of neighbouring labels, and of the first and the
    last label. A segment is (start, end, label), end exclusive. Sums run in float64, whatever the type of the scores; padding
    and batch-mates change nothing. A record without steps has loss 0 and no segments.

    Args:
        n_labels: Number of labels, whose ids are 0 to n_labels - 1.
        max_length: Steps of the longest segment, at least 1: one number, or one for each label, such as 1 for the label of
            steps outside all spans.

    Example:
        >>> crf = SemiMarkovCrf(n_labels=2, max_length=[1, 3])
        >>> scores, mask = torch.zeros(2, 4, 2), torch.tensor([[True, True, True, True], [True, False, False, False]])
        >>> crf.loss(scores, [[(0, 1, 0), (1, 4, 1)], [(0, 1, 0)]], mask).backward()
        >>> [path[-1][1] for path in crf.decode(scores, mask)]
        [4, 1]
    """

    max_lengths: Tensor
    """Steps of the longest segment of each label; not saved."""

    def __init__(self, n_labels: int, max_length: int | Sequence[int]) -> None:
        super().__init__()
        check_option(n_labels >= 1, "at least 1", n_labels=n_labels)
        limits = [max_length] * n_labels if isinstance(max_length, int) else list(max_length)
        expected = f"a number, at least 1, or one for each of {n_labels} labels"
        check_option(len(limits) == n_labels and min(limits) >= 1, expected, max_length=max_length)
        self.n_labels, self.max_length = n_labels, max(limits)
        self.register_buffer("max_lengths", torch.tensor(limits), persistent=False)
        self.transitions, self.start, self.end = transition_scores(n_labels)
        # zeros: a new model has no preference for any length
        self.length_scores = nn.Parameter(torch.zeros(self.max_length, n_labels))

    def loss(self, scores: Scores, segments: Sequence[Segmentation], mask: Mask = None, *, reduction: str = "mean") -> Tensor:
        """Return -log P(segments), in nats.

        Args:
            scores: Scores of steps or of segments, any real numbers; -inf for segments that cannot be.
            segments: Gold segments of each record, in order and without a gap; `fill_gaps` of
                `seqlab.functional.semi_markov` makes them from spans.
            mask: True for real steps, which come first; None: all are.
            reduction: `mean` over records, `token_mean` over real steps, `sum`, or `none`: one loss a record.

        Raises:
            ConfigError: a shape, the mask, a segment or the reduction does not fit.
        """
        check_reduction(reduction, of="token")
        model = self.model(scores, mask)
        self._check_segments(segments, n_records=len(scores))
        try:
            losses = semi_markov.negative_log_likelihood(model, Segments.of(segments, device=scores.device))
        except ValueError as error:
            raise ConfigError(str(error)) from None
        return reduced(losses, reduction, model.lengths)

    def log_prob(self, scores: Scores, segments: Sequence[Segmentation], mask: Mask = None) -> Float[Tensor, " batch"]:
        """Return log P(segments) of each record, with a gradient; arguments are those of `loss`."""
        return -self.loss(scores, segments, mask, reduction="none")

    def decode(self, scores: Scores, mask: Mask = None) -> list[Segmentation]:
        """Return the most probable segments of each record."""
        return semi_markov.viterbi(self.model(scores, mask))[0]

    def n_best(self, scores: Scores, mask: Mask = None, *, n: int) -> list[list[tuple[Segmentation, float]]]:
        """Return the `n` most probable segmentations of each record with their probabilities, best first, or all if fewer."""
        check_option(n >= 1, "at least 1", n=n)
        paths, logs = semi_markov.best_paths(self.model(scores, mask), n)
        return [
            [(path, prob) for path, prob in zip(*of_record, strict=True) if prob > 0]
            for of_record in zip(paths, logs.exp().tolist(), strict=True)
        ]

    def marginals(self, scores: Scores, mask: Mask = None) -> Float[Tensor, "batch time length label"]:
        """Return at [:, t, d] P(a segment is the d + 1 steps that end with step t, with this label); 0 at padding.

        No gradient.
        """
        return semi_markov.marginals(self.model(scores, mask))

    def span_probs(self, scores: Scores, mask: Mask = None) -> list[list[tuple[int, int, int, float]]]:
        """Return the most probable segments of each record, as (start, end, label, probability), end exclusive.

        The probability is that there is a segment with exactly these bounds and this label.
        """
        model = self.model(scores, mask)
        best = semi_markov.viterbi(model)[0]
        probs = semi_markov.probs_of(semi_markov.marginals(model), best)
        return [[(*one, prob) for one, prob in zip(*row, strict=True)] for row in zip(best, probs, strict=True)]

    def entropy(self, scores: Scores, mask: Mask = None) -> Float[Tensor, " batch"]:
        """Return the entropy of the distribution over the segmentations of each record, in nats. No gradient."""
        return semi_markov.entropy(self.model(scores, mask))

    def sample(
        self, scores: Scores, mask: Mask = None, *, n: int = 1, generator: torch.Generator | None = None
    ) -> list[list[Segmentation]]:
        """Return `n` segmentations of each record, drawn by their probabilities."""
        return semi_markov.sample(self.model(scores, mask), n, generator=generator)

    def model(self, scores: Scores, mask: Mask = None) -> SemiMarkov:
        """Return the scores of all segmentations, as the functions of `seqlab.functional.semi_markov` take them.

        Raises:
            ConfigError: a shape does not fit, or the mask has a gap.
        """
        expected = {3: (self.n_labels,), 4: (self.max_length, self.n_labels)}
        if scores.shape[2:] != expected.get(scores.dim()):
            known = f"(batch, time, {self.n_labels}) or (batch, time, {self.max_length}, {self.n_labels})"
            raise ConfigError(f"scores have the shape {tuple(scores.shape)}; expected {known}")
        sums = segment_sums(scores, self.max_length) if scores.dim() == 3 else scores
        limited = limit_lengths(sums + self.length_scores, self.max_lengths)
        return SemiMarkov(limited, lengths_of(mask, scores), self.transitions, self.start, self.end)

    def extra_repr(self) -> str:
        """Return the sizes, for printing the module."""
        return f"n_labels={self.n_labels}, max_length={self.max_length}"

    def _check_segments(self, segments: Sequence[Segmentation], *, n_records: int) -> None:
        if len(segments) != n_records:
            raise ConfigError(f"segments are of {len(segments)} records; expected {n_records}, one list a record")
        limits = dict(enumerate(self.max_lengths.tolist()))
        for record, row in enumerate(segments):
            for start, end, label in row:
                if label in limits and end - start > limits[label]:
                    remedy = f"expected at most {limits[label]}, the max_length of label {label}"
                    raise ConfigError(
                        f"segment ({start}, {end}, {label}) of record {record} is {end - start} steps long; {remedy}"
                    )
