"""Alignments of label sequences with the steps of records, as pure functions: CTC (Graves et al. 2006) and left-to-right HMMs.

A `Topology` says what states an alignment passes through, scores say how well each step suits each unit. Sums run in
float64 whatever the inputs and the autocast, and are exact for any scores, -inf and very negative ones included. Padding
and batch-mates change nothing.
"""

from seqlab.functional.alignment.beam import Hypothesis, ctc_prefix_beam_search
from seqlab.functional.alignment.ctc import CtcLoss, LabelPath, ctc_best_path, ctc_loss
from seqlab.functional.alignment.prior import LabelPrior, Prior
from seqlab.functional.alignment.sums import log_sum, posteriors, unit_posteriors
from seqlab.functional.alignment.topology import Topology, ctc_topology, hmm_topology, min_steps
from seqlab.functional.alignment.viterbi import best_alignment, label_spans

__all__ = [
    "CtcLoss",
    "Hypothesis",
    "LabelPath",
    "LabelPrior",
    "Prior",
    "Topology",
    "best_alignment",
    "ctc_best_path",
    "ctc_loss",
    "ctc_prefix_beam_search",
    "ctc_topology",
    "hmm_topology",
    "label_spans",
    "log_sum",
    "min_steps",
    "posteriors",
    "unit_posteriors",
]
