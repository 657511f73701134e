"""The linear-chain conditional random field (Lafferty et al. 2001) as pure functions on the scores of a `Chain`.

Sums run in float64 whatever the inputs and the autocast, and are exact for any scores, -inf and very negative ones
included. Padding and batch-mates change nothing.
"""

from seqlab.lattices.chain import Chain
from seqlab.lattices.chain_log_marginals import log_marginals
from seqlab.lattices.chain_loss import (
    log_partition,
    negative_log_likelihood,
    partial_negative_log_likelihood,
    path_score,
)
from seqlab.lattices.chain_markov import entropy, sample
from seqlab.lattices.chain_nbest import best_paths
from seqlab.lattices.chain_posterior import marginals
from seqlab.lattices.chain_spans import Stretches, span_probabilities
from seqlab.lattices.chain_viterbi import viterbi

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
    "viterbi",
]
