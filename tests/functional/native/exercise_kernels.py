"""Run every kernel of seqlab, forward and backward, at sizes that fill one, some and many vectors of the machine."""

import itertools

import torch
from torch import Tensor

from seqlab.functional.alignment import compiled as alignment_compiled
from seqlab.functional.alignment import ctc_topology, hmm_topology, log_sum, posteriors
from seqlab.functional.linear_chain import Chain, log_partition, marginals, negative_log_likelihood, viterbi
from seqlab.functional.linear_chain import compiled as chain_compiled
from seqlab.functional.recurrence import compiled
from seqlab.functional.recurrence.activations import ACTIVATIONS
from seqlab.functional.recurrence.gru import scan_gru
from seqlab.functional.recurrence.gru_steps import GruForm
from seqlab.functional.recurrence.lstm import scan_lstm
from seqlab.functional.recurrence.lstm_variant import LstmForm, LstmWeights
from seqlab.functional.recurrence.noise import Noise
from seqlab.functional.recurrence.rnn import scan_rnn

SIGMOID, TANH, RELU = (ACTIVATIONS[name] for name in ("sigmoid", "tanh", "relu"))


def random(*shape: int) -> Tensor:
    return torch.randn(*shape).requires_grad_()


def noises(lead: tuple[int, int, int], hidden: int, cell: int) -> list[Noise]:
    drawn = [(torch.rand(*lead, width) < 0.3).float() for width in (hidden, cell)]
    return [Noise(), Noise(torch.rand(lead[0], lead[2], hidden), *drawn), Noise(None, 0.1, 0.2)]


def recurrences(directions: int, steps: int, records: int, width: int) -> None:
    lead = directions, steps, records
    for noise in noises(lead, width, width):
        first = random(directions, records, width)
        scan_rnn(
            random(*lead, width) * 1, first, random(directions, width, width), activation=RELU, noise=noise
        ).sum().backward()
        for resets_after in (True, False):
            form = GruForm(resets_after=resets_after, gate=SIGMOID, candidate=TANH)
            bias = random(directions, width) if resets_after else None
            gates, recurrent = random(*lead, 3 * width) * 1, random(directions, 3 * width, width)
            scan_gru(gates, first, recurrent, bias, form=form, noise=noise).sum().backward()


def lstms(directions: int, steps: int, records: int, n_blocks: int) -> None:
    lead = directions, steps, records
    for size, kind, has_extras in itertools.product((1, 2), ("own", "none", "coupled"), (True, False)):
        form = LstmForm(n_blocks, size, kind != "none", kind == "coupled", SIGMOID, TANH, TANH, 1e-5)
        cells, gates = form.width, form.gate_width
        hidden = 3 if has_extras else cells
        extras = {
            "peepholes": random(directions, form.n_input_gates + 1, cells),
            "projection": random(directions, hidden, cells),
            **{name: random(directions, gates) for name in ("gain", "input_gain", "bias")},
            **{name: random(directions, cells) for name in ("cell_gain", "cell_bias")},
        }
        weights = LstmWeights(random(directions, gates, hidden), **(extras if has_extras else {}))
        for noise in noises(lead, hidden, cells):
            states = random(directions, records, hidden), random(directions, records, cells)
            found = scan_lstm(random(*lead, gates) * 1, *states, weights, form=form, noise=noise)
            (found[0].sum() + found[1].sum()).backward()


def chains(n_tags: int) -> None:
    lengths = torch.tensor([7, 0, 1, 2, 5])
    chain = Chain(random(5, 7, n_tags), lengths, random(n_tags, n_tags), random(n_tags), random(n_tags))
    negative_log_likelihood(chain, torch.randint(n_tags, (5, 7))).sum().backward()
    log_partition(chain).sum().backward()
    marginals(chain)
    viterbi(chain)


def alignments(n_labels: int) -> None:
    lengths, counts = torch.tensor([0, 1, 2 * n_labels, 9]), torch.tensor([0, 1, n_labels, min(3, n_labels)])
    labels = torch.randint(1, 6, (4, n_labels))
    hmm = hmm_topology(labels, counts, states_per_label=3, can_skip=True, silence=0)
    for topology in (ctc_topology(labels, counts, blank=0), hmm):
        for dtype in (torch.float32, torch.float64):
            shape = len(lengths), int(lengths.max()), int(topology.units.max()) + 1
            scores = torch.randn(shape, dtype=dtype).log_softmax(2).requires_grad_()
            log_sum(scores, lengths, topology).clamp(min=-1e3).sum().backward()
            posteriors(scores.detach(), lengths, topology)


for n_threads in (1, 3):
    torch.set_num_threads(n_threads)
    for sizes in ((1, 1, 1, 1), (2, 3, 9, 5), (1, 2, 2, 33)):
        recurrences(*sizes)
        lstms(*sizes)
    for n in (1, 2, 9, 33):
        chains(n)
        alignments(n)
assert compiled.LIBRARY.has_run
assert chain_compiled.LIBRARY.has_run
assert alignment_compiled.LIBRARY.has_run
