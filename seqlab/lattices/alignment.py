"""Alignments of label sequences with the steps of records, as pure functions: CTC (Graves et al. 2006) and left-to-right HMMs.

A `Topology` says what states an alignment passes through, scores say how well each step suits each unit. Sums run in
float64 whatever the inputs and the autocast, and are exact for any scores, -inf and very negative ones included. Padding
and batch-mates change nothing.
"""

from seqlab.lattices.alignment_sums import log_sum, posteriors, unit_posteriors
from seqlab.lattices.alignment_topology import Topology, ctc_topology, hmm_topology, min_steps

__all__ = [
    "Topology",
    "ctc_topology",
    "hmm_topology",
    "log_sum",
    "min_steps",
    "posteriors",
    "unit_posteriors",
]
