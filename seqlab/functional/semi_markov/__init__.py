"""The semi-Markov conditional random field (Sarawagi and Cohen 2004) as pure functions on the scores of a `SemiMarkov`.

A record is cut into segments, each with a label and a score of its own. Sums run in float64 whatever the inputs and the
autocast, and are exact for any scores, -inf and very negative ones included. Padding and batch-mates change nothing. Time
and memory are those of the scores, (batch time length label): one working copy in float64, and the marginals for learning.
"""

from seqlab.functional.semi_markov.loss import log_partition, marginals, negative_log_likelihood, path_score
from seqlab.functional.semi_markov.model import SemiMarkov
from seqlab.functional.semi_markov.nbest import best_paths, viterbi
from seqlab.functional.semi_markov.sampling import entropy, sample
from seqlab.functional.semi_markov.segments import (
    Segment,
    Segmentation,
    Segments,
    check_segments,
    fill_gaps,
    limit_lengths,
    probs_of,
    segment_sums,
)

__all__ = [
    "Segment",
    "Segmentation",
    "Segments",
    "SemiMarkov",
    "best_paths",
    "check_segments",
    "entropy",
    "fill_gaps",
    "limit_lengths",
    "log_partition",
    "marginals",
    "negative_log_likelihood",
    "path_score",
    "probs_of",
    "sample",
    "segment_sums",
    "viterbi",
]
