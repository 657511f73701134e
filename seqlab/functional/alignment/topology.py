"""The states of an alignment: an input of every function of `seqlab.functional.alignment`, beside the scores.

A record's states stand in a row. An alignment gives each step one state: it begins in one of the `starts`, from one step
to the next stays, goes on to the next state or, where that `enters_by_skip`, to the next but one, and stops in one of the
`ends`.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.functional import pad


@dataclass(frozen=True)
class Topology:
    """The states of a batch of label sequences, from left to right; at padding 0, False and -1.

    Without labels an alignment needs no step: such a record may have length 0.
    """

    units: Int[Tensor, "batch state"]
    """The column of the scores that each state reads."""
    n_states: Int[Tensor, " batch"]
    enters_by_skip: Bool[Tensor, "batch state"]
    """Whether state s is entered from s - 2 too, besides from s - 1 and itself; False for the first two."""
    starts: Bool[Tensor, "batch state"]
    ends: Bool[Tensor, "batch state"]
    label_of_state: Int[Tensor, "batch state"]
    """The position of the label that each state belongs to; -1 for blank and silence."""

    @property
    def state_mask(self) -> Bool[Tensor, "batch state"]:
        """True = real state."""
        return torch.arange(self.units.shape[1], device=self.n_states.device) < self.n_states[:, None]

    @property
    def is_unlabelled(self) -> Bool[Tensor, " batch"]:
        """Whether a record has no labels."""
        return (self.label_of_state < 0).all(1)

    def reversed(self) -> "Topology":
        """Return the states from the last to the first, padding before them, entered from those that they enter here."""
        return replace(
            self,
            units=self.units.flip(1),
            enters_by_skip=self.enters_by_skip.flip(1).roll(2, 1),  # what comes round is that of the first two
            starts=self.ends.flip(1),
            ends=self.starts.flip(1),
            label_of_state=self.label_of_state.flip(1),
        )


def ctc_topology(labels: Int[Tensor, "batch label"], n_labels: Int[Tensor, " batch"], *, blank: int) -> Topology:
    """Return the states blank, label, blank, label, …, blank: a blank may be left out, but not between equal labels.

    A label is the column of its scores. Without labels there is the blank alone. Labels at or beyond a record's number
    are padding: never read. (Graves et al. 2006, "Connectionist temporal classification", section 4.1.)

    Raises: ValueError for a label that is negative or the blank, and for more labels than there are columns.
    """
    check_labels(labels, n_labels, is_allowed=labels != blank, expected="any but the blank, which needs a column of its own")
    # The same row of states as an HMM with one state a label and blanks for silences; only the skips differ.
    topology = hmm_topology(labels, n_labels, states_per_label=1, can_skip=False, silence=blank)
    # `roll` brings the last two units to the front, but no skip enters the first two states anyway.
    is_other = topology.units != topology.units.roll(2, 1)
    return replace(topology, enters_by_skip=topology.enters_by_skip & is_other)


def hmm_topology(
    labels: Int[Tensor, "batch label"],
    n_labels: Int[Tensor, " batch"],
    *,
    states_per_label: int,
    can_skip: bool,
    silence: int | None,
) -> Topology:
    """Return each label as a row of `states_per_label` states, state k of a label reading unit label * states_per_label + k.

    `can_skip` lets an alignment leave out states within a label, never two neighbours, and never its first or last: a
    label takes states_per_label // 2 + 1 steps at least (Bakis; Rabiner 1989, fig. 7b). `silence`, a unit, puts a state
    before, between and after the labels that may be left out; None: no such state. So whatever is left out is one state
    between two that are not. Without labels there is the silence alone, or no state. Padding as in `ctc_topology`.

    Raises: ValueError for `states_per_label` below 1, a negative label, and more labels than there are columns.
    """
    if states_per_label < 1:
        raise ValueError(f"states_per_label is {states_per_label}; expected at least 1")
    check_labels(labels, n_labels, is_allowed=labels >= 0, expected="0 or more")
    n_silences = int(silence is not None)  # before each label, and after the last
    states_per_block = states_per_label + n_silences
    n_states = n_labels * states_per_block + n_silences
    # At least one column, so that reductions over states never meet an empty axis.
    states = torch.arange(max(labels.shape[1] * states_per_block + n_silences, 1), device=labels.device)
    is_real = states < n_states[:, None]
    positions, parts = states // states_per_block, states % states_per_block - n_silences
    is_label = is_real & (parts >= 0)
    # One column more: the silence after the last label has a position too, whose unit is replaced below.
    units = pad(labels, (0, 1))[:, positions] * states_per_label + parts
    after_silence, within_label = (parts == 0) & (states >= 2), parts >= 2
    enters_by_skip = (after_silence & (silence is not None)) | (within_label & can_skip)
    last = n_states[:, None] - 1
    return Topology(
        units=torch.where(is_label, units, silence or 0).masked_fill(~is_real, 0),
        n_states=n_states,
        enters_by_skip=enters_by_skip & is_real,
        starts=(states <= n_silences) & is_real,
        ends=(states >= last - n_silences) & is_real,
        label_of_state=torch.where(is_label, positions, -1),
    )


def check_labels(
    labels: Int[Tensor, "batch label"],
    n_labels: Int[Tensor, " batch"],
    *,
    is_allowed: Bool[Tensor, "batch label"],
    expected: str,
) -> None:
    """Raise ValueError for more labels than there are columns, and for the first that is not allowed and no padding."""
    n_columns = labels.shape[1]
    if ((n_labels > n_columns) | (n_labels < 0)).any():
        least, most = map(int, n_labels.aminmax())
        raise ValueError(f"n_labels is from {least} to {most}; expected 0 to {n_columns}, the columns of labels")
    is_wrong = (torch.arange(n_columns, device=labels.device) < n_labels[:, None]) & ~is_allowed
    if is_wrong.any():
        record, position = is_wrong.nonzero()[0].tolist()
        raise ValueError(f"label {position} of record {record} is {int(labels[record, position])}; expected {expected}")


def min_steps(topology: Topology) -> Int[Tensor, " batch"]:
    """Return the fewest steps that the labels fit in: 0 without labels.

    For CTC as many as there are labels, and one more for each that equals the one before it.
    """
    # More than any real count, and small enough that adding 1 at each state never overflows.
    never = topology.units.shape[1] + 1
    columns = zip(topology.starts.unbind(1), topology.ends.unbind(1), topology.enters_by_skip.unbind(1), strict=True)
    before = before_that = fewest = torch.full_like(topology.n_states, never)
    for starts, ends, enters_by_skip in columns:
        entered = torch.minimum(before, before_that.masked_fill(~enters_by_skip, never)).masked_fill(starts, 0)
        before_that, before = before, entered + 1
        fewest = torch.minimum(fewest, before.masked_fill(~ends, never))
    return fewest.masked_fill(topology.is_unlabelled, 0)
