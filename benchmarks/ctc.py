"""Speed-up of our CTC loss with its gradient over torch's kernel.

Both run alternately in one process, so that other load on the machine affects both; ratios are those of the medians.
`ctc_loss` uses torch's kernel if possible, so its ratio shows the cost of the checks.
Run: python benchmarks/ctc.py [--repeats 30] [--threads 2]
"""

import argparse
from collections.abc import Callable

import torch
from torch import Tensor
from turns import compare

from seqlab.functional.alignment import ctc_loss, ctc_topology, log_sum

SIZES = [(32, 100, 10, 30), (32, 200, 40, 60), (8, 500, 60, 60), (1, 200, 40, 60)]
"""Batch, steps, labels, units."""


def report(size: tuple[int, int, int, int], *, repeats: int) -> None:
    n_records, n_steps, n_labels_each, n_units = size
    torch.manual_seed(0)
    logits = torch.randn(n_records, n_steps, n_units, requires_grad=True)
    labels = torch.randint(1, n_units, (n_records, n_labels_each))
    lengths, n_labels = torch.full((n_records,), n_steps), torch.full((n_records,), n_labels_each)

    def learn(loss: Callable[[Tensor], Tensor]) -> None:
        logits.grad = None
        loss(logits.log_softmax(2)).sum().backward()

    def own(log_probs: Tensor) -> Tensor:
        return -log_sum(log_probs, lengths, ctc_topology(labels, n_labels, blank=0))

    def torchs(log_probs: Tensor) -> Tensor:
        return torch.nn.functional.ctc_loss(log_probs.transpose(0, 1), labels, lengths, n_labels, reduction="none")

    def checked(log_probs: Tensor) -> Tensor:
        return ctc_loss(log_probs, lengths, labels, n_labels, blank=0).losses

    name = f"batch {n_records:3}, {n_steps} steps, {n_labels_each:2} labels, {n_units} units"
    for what, ours in (("log_sum ", own), ("ctc_loss", checked)):
        ratio = compare(lambda ours=ours: learn(ours), lambda: learn(torchs), repeats=repeats, name="torch")
        print(f"{name}  {what} {ratio}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for size in SIZES:
        report(size, repeats=options.repeats)


if __name__ == "__main__":
    main()
