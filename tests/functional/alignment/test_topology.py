"""The states of alignments: by hand, of no labels and of no records, and labels that have none."""

import math
from functools import partial

import pytest
import torch

from seqlab.functional.alignment import best_alignment, ctc_topology, hmm_topology, label_spans, log_sum, min_steps, posteriors

pytestmark = pytest.mark.usefixtures("lattice_code")

CTC = partial(ctc_topology, blank=0)
BAKIS = partial(hmm_topology, states_per_label=2, can_skip=True, silence=6)


def test_ctc_topology_is_blank_label_blank() -> None:
    topology = ctc_topology(torch.tensor([[4, 4, 2], [3, -1, 0]]), torch.tensor([3, 1]), blank=0)
    assert topology.units.tolist() == [[0, 4, 0, 4, 0, 2, 0], [0, 3, 0, 0, 0, 0, 0]]
    assert topology.n_states.tolist() == [7, 3]
    assert topology.enters_by_skip.nonzero().tolist() == [[0, 5]]
    assert topology.label_of_state.tolist() == [[-1, 0, -1, 1, -1, 2, -1], [-1, 0, -1, -1, -1, -1, -1]]
    assert topology.starts.nonzero().tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert topology.ends.nonzero().tolist() == [[0, 5], [0, 6], [1, 1], [1, 2]]
    assert min_steps(topology).tolist() == [4, 1]


def test_labels_of_length_0_fit_in_no_steps() -> None:
    labels, none = torch.empty(2, 0).long(), torch.tensor([0, 0])
    silent = hmm_topology(labels, none, states_per_label=2, can_skip=False, silence=1)
    stateless = hmm_topology(labels, none, states_per_label=2, can_skip=False, silence=None)
    scores, lengths = torch.tensor([[[2.0, 3.0]], [[math.nan, math.nan]]]), torch.tensor([1, 0])
    assert log_sum(scores, lengths, ctc_topology(labels, none, blank=0)).tolist() == [2.0, 0.0]
    assert log_sum(scores, lengths, silent).tolist() == [3.0, 0.0]
    assert log_sum(scores, lengths, stateless).tolist() == [-math.inf, 0.0]
    assert best_alignment(scores, lengths, stateless)[1].tolist() == [[-1], [-1]]
    assert label_spans(torch.tensor([[0], [-1]]), silent).shape == (2, 0, 2)


@pytest.mark.parametrize("topology", [CTC, BAKIS], ids=["ctc", "hmm"])
def test_a_batch_without_steps_or_records_has_sums(topology) -> None:
    scores, labels = torch.empty(2, 0, 7, requires_grad=True), torch.tensor([[1], [-1]])
    given = scores, torch.tensor([0, 0]), topology(labels, torch.tensor([1, 0]))
    assert log_sum(*given).tolist() == best_alignment(*given)[0].tolist() == [-math.inf, 0.0]
    assert posteriors(*given).shape == (2, 0, given[2].units.shape[1])
    assert label_spans(best_alignment(*given)[1], given[2]).tolist() == [[[-1, -1]], [[-1, -1]]]
    nobody = scores[:0], torch.empty(0).long(), topology(labels[:0], torch.empty(0).long())
    assert log_sum(*nobody).shape == best_alignment(*nobody)[0].shape == (0,)


def test_labels_are_checked() -> None:
    labels, n_labels = torch.tensor([[1, 2], [3, 0]]), torch.tensor([2, 2])
    with pytest.raises(ValueError, match="label 1 of record 1 is 0; expected any but the blank"):
        ctc_topology(labels, n_labels, blank=0)
    with pytest.raises(ValueError, match="label 1 of record 1 is -1; expected 0 or more"):
        hmm_topology(labels - 1, n_labels, states_per_label=1, can_skip=False, silence=None)
    with pytest.raises(ValueError, match="n_labels is from 1 to 3; expected 0 to 2"):
        ctc_topology(labels, torch.tensor([3, 1]), blank=9)
    with pytest.raises(ValueError, match="states_per_label is 0; expected at least 1"):
        hmm_topology(labels, n_labels, states_per_label=0, can_skip=False, silence=None)
