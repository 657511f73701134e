"""Capture recurrences, encoders, CRF and CTC as one graph each; values and gradients are those of eager code, to the bit."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from seqlab.encoders import Cell, GruCell, LstmCell, RecurrentEncoder, RnnCell
from seqlab.encoders.layer import RecurrentLayer
from seqlab.encoders.torch_modules import GRU, LSTM, RNN
from seqlab.functional.alignment import ctc_topology, log_sum
from seqlab.functional.linear_chain import Chain, log_partition, marginals, negative_log_likelihood, viterbi
from seqlab.steps import Steps

LENGTHS = torch.tensor([4, 0, 2])
CELLS: list[Callable[[], Cell]] = [
    lambda: RnnCell(3, 5, hidden_zone_prob=0.1),
    lambda: GruCell(3, 5),
    lambda: GruCell(3, 5, reset_placement="before", recurrent_drop_prob=0.2),
    lambda: LstmCell(3, 5),
    lambda: LstmCell(3, 5, has_peepholes=True, is_normalised=True, cell_zone_prob=0.1),
    lambda: LstmCell(3, 6, forget_gate="coupled", cells_per_block=2, projection_width=4),
]


def random(*shape: int) -> Tensor:
    return torch.randn(*shape).requires_grad_()


def check(run: Callable[[], Tensor], tensors: Sequence[Tensor]) -> None:
    """Compare eager code with one captured graph."""

    def found(function: Callable[[], Tensor]) -> list[Tensor]:
        value = function()
        return [value.detach(), *torch.autograd.grad(value.square().sum(), tensors)]

    torch.compiler.reset()
    captured = torch.compile(run, backend="eager", fullgraph=True)
    for one, other in zip(found(captured), found(run), strict=True):
        assert torch.equal(one, other)


torch.set_num_threads(1)
for n_directions in (1, 2):
    for make in CELLS:
        layer = RecurrentLayer([make() for _ in range(n_directions)], learns_state=False, bptt_steps=None).eval()
        inputs = random(n_directions, 4, 3, 3)

        def run(layer: RecurrentLayer = layer, inputs: Tensor = inputs) -> Tensor:
            hidden: Tensor = layer(inputs, lengths=LENGTHS, state=None, keeps_states=False)[0]
            return hidden

        check(run, [inputs, *layer.parameters()])

scores, tags = [random(3, 4, 5), random(5, 5), random(5), random(5)], torch.randint(5, (3, 4))
check(lambda: negative_log_likelihood(Chain(scores[0], LENGTHS, *scores[1:]), tags), scores)
check(lambda: log_partition(Chain(scores[0], LENGTHS, *scores[1:])), scores)

without_gradient = [one.detach() for one in scores]
chain = Chain(without_gradient[0], LENGTHS, *without_gradient[1:])


def decode() -> tuple[Tensor, ...]:
    return marginals(chain), *viterbi(chain)


torch.compiler.reset()
for one, other in zip(torch.compile(decode, backend="eager", fullgraph=True)(), decode(), strict=True):
    assert torch.equal(one, other)

units = torch.randn(3, 4, 3).log_softmax(2).requires_grad_()
topology = ctc_topology(torch.tensor([[1, 2], [1, 1], [2, 1]]), torch.tensor([2, 0, 1]), blank=0)
check(lambda: log_sum(units, LENGTHS, topology).clamp(min=-9.0), [units])


for cell, options in [(LstmCell, {"depth": 2}), (GruCell, {"merge": "none"}), (RnnCell, {"is_bidirectional": False})]:
    encoder = RecurrentEncoder(3, 5, cell=cell, **options).eval()
    values = random(3, 4, 3)

    def encode(encoder: RecurrentEncoder = encoder, values: Tensor = values) -> Tensor:
        encoded = encoder(Steps(values, LENGTHS))
        assert encoded.summary is not None
        return torch.cat([encoded.zero_padded().values.flatten(), encoded.summary.flatten()])

    check(encode, [values, *encoder.parameters()])


class Layer(torch.nn.Module):
    """A recurrence to export."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = RecurrentLayer([GruCell(3, 5)], learns_state=False, bptt_steps=None)

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Return the hidden states."""
        hidden: Tensor = self.layer(inputs, lengths=lengths, state=None, keeps_states=False)[0]
        return hidden


exportable, steps = Layer().eval(), torch.randn(1, 4, 3, 3)
exported = torch.export.export(exportable, (steps, LENGTHS))
assert torch.ops.seqlab.scan_gru.default in [node.target for node in exported.graph.nodes]
assert torch.equal(exported.module()(steps, LENGTHS), exportable(steps, LENGTHS))


class Decoder(torch.nn.Module):
    """A best path to export."""

    def forward(self, emissions: Tensor, lengths: Tensor) -> Tensor:
        """Return the best tags."""
        return viterbi(Chain(emissions, lengths, *without_gradient[1:]))[0]


exported = torch.export.export(Decoder(), (without_gradient[0], LENGTHS))
assert torch.ops.seqlab.chain_viterbi.default in [node.target for node in exported.graph.nodes]
assert torch.equal(exported.module()(without_gradient[0], LENGTHS), viterbi(chain)[0])

for module in (
    LSTM(3, 5, 2, bidirectional=True),
    LSTM(3, 5, proj_size=2),
    GRU(3, 5, bias=False),
    RNN(3, 5, bidirectional=True),
):
    values = random(4, 3, 3)

    def top(module: nn.Module = module, values: Tensor = values) -> Tensor:
        output, last = module(values, lengths=LENGTHS)
        return output.sum() + (last if isinstance(last, Tensor) else last[1]).sum()

    check(top, [values, *module.parameters()])
