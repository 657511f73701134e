"""Loss and backward of CTC: our sums over alignments beside torch's kernel. Prints how many times as fast ours are.

Both sides take turns in one process, so that other load on the machine falls on both; the ratio is that of the medians.
`ctc_loss` takes torch's kernel where it can, so that ratio shows what its checks cost.
Run: python benchmarks/ctc.py [--repeats 30] [--threads 2]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from seqlab.lattices.alignment import ctc_loss, ctc_topology, log_sum

SIZES = [(32, 100, 10, 30), (32, 200, 40, 60), (8, 500, 60, 60), (1, 200, 40, 60)]
"""Batch, steps, labels, units."""


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def compare(ours: Callable[[], object], theirs: Callable[[], object], *, repeats: int) -> str:
    """Return the ratio of the median times, and both in milliseconds."""
    ours(), theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(repeats)]
    our_median, their_median = (1000 * statistics.median(times) for times in zip(*pairs, strict=True))
    return f"{their_median / our_median:6.2f}x  ({our_median:7.2f} ms, torch {their_median:7.2f} ms)"


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
    print(f"{name}  log_sum  {compare(lambda: learn(own), lambda: learn(torchs), repeats=repeats)}", flush=True)
    print(f"{name}  ctc_loss {compare(lambda: learn(checked), lambda: learn(torchs), repeats=repeats)}", flush=True)


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
