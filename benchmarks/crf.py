"""Speed-up of the linear chain over pytorch-crf, for the loss with its gradient and for decoding.

Both run alternately in one process, so that other load on the machine affects both; ratios are those of the medians.
Run: python benchmarks/crf.py [--repeats 30] [--threads 2]
"""

import argparse
import warnings
from collections.abc import Callable

import torch
from torch import Tensor
from torchcrf import CRF
from turns import compare

from seqlab.functional.linear_chain import Chain, negative_log_likelihood, viterbi

SIZES = [(32, 40, 9), (32, 40, 18), (32, 40, 50), (128, 40, 18), (1, 25, 18)]
"""Batch, steps, tags."""


def report(size: tuple[int, int, int], *, is_ragged: bool, repeats: int) -> None:
    n_records, n_steps, n_tags = size
    torch.manual_seed(0)
    lengths = torch.randint(1, n_steps + 1, (n_records,)) if is_ragged else torch.full((n_records,), n_steps)
    lengths[0] = n_steps
    mask = torch.arange(n_steps) < lengths[:, None]
    tags = torch.randint(n_tags, (n_records, n_steps))
    emissions = torch.randn(n_records, n_steps, n_tags, requires_grad=True)
    crf = CRF(n_tags, batch_first=True)
    scores = (crf.transitions, crf.start_transitions, crf.end_transitions)
    chain = Chain(emissions, lengths, *scores)

    def learn(loss: Callable[[], Tensor]) -> None:
        for tensor in (emissions, *scores):
            tensor.grad = None
        loss().backward()

    name = f"batch {n_records:3}, {n_steps} steps, {n_tags:2} tags, {'ragged' if is_ragged else 'full  '}"
    loss = compare(
        lambda: learn(lambda: negative_log_likelihood(chain, tags).sum()),
        lambda: learn(lambda: -crf(emissions, tags, mask)),
        repeats=repeats,
        name="pytorch-crf",
    )
    print(f"{name}  loss+backward {loss}", flush=True)
    with torch.no_grad():
        best = compare(
            lambda: viterbi(chain)[0].tolist(), lambda: crf.decode(emissions, mask), repeats=repeats, name="pytorch-crf"
        )
    print(f"{name}  best path     {best}", flush=True)


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
