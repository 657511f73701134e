"""Speed-up of the layer `seqlab.Crf` over pytorch-crf, for a training step (loss, gradient and SGD) and for decoding.

Both run alternately in one process, so that other load on the machine affects both; ratios are those of the medians.
Run: python benchmarks/crf_layer.py [--repeats 30] [--threads 2]
"""

import argparse
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchcrf import CRF
from turns import compare

import seqlab

SIZES = [(32, 30, 20), (32, 100, 20)]
"""Batch, steps, tags."""
WIDTH = 100
"""Features of a step, from which a linear layer makes the emissions."""


class Training:
    """Training steps of a linear layer under a CRF, whose `loss` is of emissions."""

    def __init__(self, crf: nn.Module, loss: Callable[[Tensor], Tensor], inputs: Tensor, mask: Tensor, n_tags: int) -> None:
        self.crf, self.loss, self.inputs, self.mask = crf, loss, inputs, mask
        self.projection = nn.Linear(inputs.shape[2], n_tags)
        self.optimizer = torch.optim.SGD([*self.projection.parameters(), *crf.parameters()], lr=1e-3)

    def step(self) -> None:
        self.optimizer.zero_grad()
        self.loss(self.projection(self.inputs)).backward()
        self.optimizer.step()

    @torch.no_grad()
    def decode(self) -> list[list[int]]:
        return self.crf.decode(self.projection(self.inputs), self.mask)


def report(size: tuple[int, int, int], *, is_ragged: bool, repeats: int) -> None:
    n_records, n_steps, n_tags = size
    torch.manual_seed(0)
    lengths = torch.randint(1, n_steps + 1, (n_records,)) if is_ragged else torch.full((n_records,), n_steps)
    lengths[0] = n_steps
    mask = torch.arange(n_steps) < lengths[:, None]
    inputs, tags = torch.randn(n_records, n_steps, WIDTH), torch.randint(n_tags, (n_records, n_steps))
    crf, other = seqlab.Crf(n_tags), CRF(n_tags, batch_first=True)
    ours = Training(crf, lambda emissions: crf.loss(emissions, tags, mask), inputs, mask, n_tags)
    theirs = Training(other, lambda emissions: -other(emissions, tags, mask, reduction="mean"), inputs, mask, n_tags)
    name = f"batch {n_records}, {n_steps:3} steps, {n_tags} tags, {'ragged' if is_ragged else 'full  '}"
    print(f"{name}  training step {compare(ours.step, theirs.step, repeats=repeats, name='pytorch-crf')}", flush=True)
    print(f"{name}  decoding      {compare(ours.decode, theirs.decode, repeats=repeats, name='pytorch-crf')}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    for size in SIZES:
        for is_ragged in (False, True):
            report(size, is_ragged=is_ragged, repeats=options.repeats)


if __name__ == "__main__":
    main()
