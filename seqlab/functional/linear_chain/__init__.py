"""The linear-chain conditional random field (Lafferty et al. 2001) as pure functions on the scores of a `Chain`.

Sums run in float64 whatever the inputs and the autocast, and are exact for any scores, -inf and very negative ones
included. Padding and batch-mates change nothing.
"""

from seqlab.functional.linear_chain.chain import Chain
from seqlab.functional.linear_chain.log_space import log_marginals, step_log_probs
from seqlab.functional.linear_chain.loss import (
    log_partition,
    negative_log_likelihood,
    partial_negative_log_likelihood,
    path_score,
)
from seqlab.functional.linear_chain.nbest import best_paths
from seqlab.functional.linear_chain.posterior import marginals
from seqlab.functional.linear_chain.sampling import entropy, sample
from seqlab.functional.linear_chain.spans import Stretches, span_probabilities
from seqlab.functional.linear_chain.viterbi import viterbi

__all__ = [
    "Chain",
    "Stretches",
    "best_paths",
    "entropy",
    "log_marginals",
    "log_partition",
    "marginals",
    "negative_log_likelihood",
    "partial_negative_log_likelihood",
    "path_score",
    "sample",
    "span_probabilities",
    "step_log_probs",
    "viterbi",
]
