"""Compare span scores with seqeval's on random BIO tags: the numbers must agree, and the times give the speed-up.

python benchmarks/span_scores.py [n_tokens]
"""

import random
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as default_scores
from seqeval.metrics.v1 import precision_recall_fscore_support as strict_scores
from seqeval.scheme import IOB2

from seqlab.data.schemes import get_scheme
from seqlab.metrics import span_scores
from seqlab.types import Span

T = TypeVar("T")
LABELS = ("person", "location", "group", "creative-work", "product", "corporation")


def main() -> None:
    """Print the CPU time of each implementation and the ratios."""
    n_tokens = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    dice = random.Random(0)
    gold = [_sentence(dice) for _ in range(n_tokens // 20)]
    predicted = [[tag if dice.random() < 0.97 else "O" for tag in row] for row in gold]
    ours, scores = _timed(lambda: span_scores(gold, predicted, scheme="BIO"))
    default, (_, _, default_f1, _) = _timed(lambda: default_scores(gold, predicted, average="micro"))
    strict, (_, _, strict_f1, _) = _timed(lambda: strict_scores(gold, predicted, average="micro", scheme=IOB2, zero_division=0))
    print(f"{sum(map(len, gold)):,} tokens, {len(gold):,} sentences")
    print(f"F1 strict   seqlab {scores['span_f1']['strict']:.12f}  seqeval {strict_f1:.12f}")
    print(f"F1 default  seqlab {scores['span_f1']['default']:.12f}  seqeval {default_f1:.12f}")
    print(f"seqlab, all at once       {ours:7.3f} s   (strict, default, strict per type, and partial credit)")
    for name, seconds in (("default", default), ("strict", strict), ("both", default + strict)):
        print(f"seqeval, {name:<16s} {seconds:7.3f} s   {seconds / ours:5.1f} x")


def _sentence(dice: random.Random) -> list[str]:
    spans = [Span(i, i + dice.randint(1, 3), dice.choice(LABELS)) for i in range(0, 18, 3) if dice.random() < 0.3]
    return get_scheme("BIO").encode(spans, n_steps=20)


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    begin = time.process_time()  # CPU time of this process, because the machine may be shared
    result = work()
    return time.process_time() - begin, result


if __name__ == "__main__":
    main()
