"""The best alignment (Viterbi 1967) of known labels: forced alignment. Traced along the best path only, on the way back."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from seqlab.functional.alignment.scan import at_end, scan, score_dtype, steps_of
from seqlab.functional.alignment.topology import Topology
from seqlab.functional.padding import step_mask


def best_alignment(
    scores: Float[Tensor, "batch time unit"], lengths: Int[Tensor, " batch"], topology: Topology
) -> tuple[Float[Tensor, " batch"], Int[Tensor, "batch time"]]:
    """Return the best alignment's score and its state at each step: -1 at padding.

    Where no alignment is allowed the score is -inf and every state -1; length 0 scores 0 without labels, else -inf. Of
    equal alignments, that with the smallest last state is taken, then with the largest last but one, and so on: a state is
    entered as early as can be. Gives no gradient. (Rabiner 1989, eqs. 32-35.)
    """
    steps = steps_of(scores, lengths, topology)
    best = scan(steps, torch.maximum)[1]
    totals = best.new_zeros(len(lengths)).masked_fill_(~topology.is_unlabelled, -torch.inf)
    states = lengths.new_full(scores.shape[:2], -1)
    if len(best):
        ends, last_states = at_end(best, steps.peaks, lengths, topology).max(1)
        totals = torch.where(lengths == 0, totals, ends)
        is_aligned = step_mask(lengths, len(best)) & (totals > -torch.inf)[:, None]
        states = torch.where(is_aligned, _trace_back(best, steps.skips, last_states, lengths), states)
    return totals.to(score_dtype(scores)), states


def _trace_back(best: Tensor, skips: Tensor, last_states: Tensor, lengths: Tensor) -> Int[Tensor, "batch time"]:
    """Return the states of the best alignments. Done on the CPU: a step is little work, and a launch on a GPU costs more."""
    a, skip_scores, last = best.cpu().numpy(), skips.cpu().numpy(), last_states.cpu().numpy()
    n_steps, _, n_records = a.shape
    records = np.arange(n_records)
    is_past = np.arange(n_steps)[:, None] >= lengths.cpu().numpy() - 1
    states = np.empty((n_steps, n_records), dtype=np.int64)
    states[-1] = last
    for t in range(n_steps - 2, -1, -1):
        into = states[t + 1]
        # `best` has two rows of -inf before the first state, so state s stands in row s + 2 and no index goes below 0.
        sources = [a[t, into + 2, records], a[t, into + 1, records], a[t, into, records] + skip_scores[into, records]]
        states[t] = np.where(is_past[t], last, into - np.argmax(sources, 0))
    return torch.from_numpy(states).T.to(best.device)


def label_spans(states: Int[Tensor, "batch time"], topology: Topology) -> Int[Tensor, "batch label 2"]:
    """Return the first step of each label and that after its last, in an alignment that `best_alignment` gives.

    Blanks and silences belong to no label. -1 for both where a record has no such label, or no alignment. There are as many
    labels as the batch's longest sequence has.
    """
    n_records, n_steps = states.shape
    n_labels = int(topology.label_of_state.max()) + 1 if n_records else 0
    # -1 marks padding and is no valid index for gather.
    labels = topology.label_of_state.gather(1, states.clamp(min=0)).masked_fill(states < 0, -1)
    at_label = labels[:, None] == torch.arange(n_labels, device=labels.device)[:, None]
    # Padded by a step in front: step t then has the number t + 1, and 0 means that the label has none.
    ends = (torch.arange(n_steps + 1, device=labels.device) * pad(at_label, (1, 0))).amax(2)
    spans = torch.stack([ends - at_label.sum(2), ends], 2)
    return spans.masked_fill(ends[..., None] == 0, -1)
