"""Compare all encoders at the same number of parameters: training speed and test score, as a Markdown table.

    python benchmarks/encoders.py --seeds 1 2 3 --workers 2 --folder runs/encoders experiment=wnut17 data.dir=…/wnut17

Widths are chosen so that each encoder has about as many parameters as the one that the overrides select. For speed, all run
whole training steps alternately on the same batches in one process. For scores, each is trained by `seqlab train` on one
thread, `--workers` at a time; runs whose metrics are in the folder already are not repeated.
"""

import argparse
import bisect
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from experiment import Experiment, settings_of
from torch import nn

from seqlab.cli.process import keep_freed_memory
from seqlab.config.build import build
from seqlab.config.compose import options_of

WIDTHS_A_STEP = {"lstm_blocks": 4}
MAX_WIDTH = 2048
UNSIZED = ("chain", "output", "identity")
"""Encoders without a width to adjust; `identity` is included as it is."""


def sized(option: str, width: int) -> list[str]:
    """Return the overrides for encoder `option` at a width."""
    projection = [f"encoder.cell.projection_width={width // 2}"] if option == "lstm_projected" else []
    return [f"encoder={option}", f"encoder.width={width}", *projection]


class Sizes:
    """Counts the parameters of encoders on top of an experiment's embedding."""

    def __init__(self, experiment: Experiment) -> None:
        self.overrides, self.targets = experiment.overrides, experiment.targets
        node, fields = experiment.settings["embedding"], experiment.fields
        self.input_width = build(node, targets=self.targets, resolve=fields.resolve, path="embedding").output_width

    def n_parameters(self, encoder: dict[str, Any]) -> int:
        """Return the number of parameters of the encoder that a config describes."""
        with torch.random.fork_rng():
            built: nn.Module = build(encoder, targets=self.targets, path="encoder", input_width=self.input_width)
        return sum(parameter.numel() for parameter in built.parameters())

    def at_budget(self, option: str, budget: int) -> tuple[list[str], int]:
        """Return the overrides with which encoder `option` comes closest to `budget`, and its number of parameters."""
        if option in UNSIZED:
            words = [f"encoder={option}", "~encoder.width"]  # the experiment sets one
            return words, self.n_parameters(settings_of([*self.overrides, *words])["encoder"])
        encoder = settings_of([*self.overrides, f"encoder={option}"])["encoder"]
        step = WIDTHS_A_STEP.get(option, 1)

        def count(width: int) -> int:
            cell = encoder.get("cell", {})
            narrowed = {"projection_width": width // 2} if cell.get("projection_width") else {}
            return self.n_parameters(encoder | {"width": width} | ({"cell": cell | narrowed} if cell else {}))

        high = bisect.bisect_left(range(MAX_WIDTH // step), budget, lo=1, key=lambda i: count(step * i))
        width = min((step * i for i in (high - 1, high) if i), key=lambda w: abs(count(w) - budget))
        return sized(option, width), count(width)


def speeds(experiment: Experiment, encoders: dict[str, list[str]], *, n_batches: int) -> dict[str, float]:
    """Return the training speed of each encoder in tokens per second, measured alternately on the same batches."""
    chosen = [experiment.records.batch(rows) for _, rows in zip(range(n_batches), experiment.batches(), strict=False)]
    steps = {name: experiment.training_step(experiment.labeler(words), words) for name, words in encoders.items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for i, batch in enumerate([*chosen[:3], *chosen]):  # three to warm up
        for name, step in steps.items():
            start = time.perf_counter()
            step(batch)
            if i >= 3:
                times[name].append(time.perf_counter() - start)
    n_tokens = [int(batch.lengths.sum()) for batch in chosen]
    return {
        name: 1 / statistics.median(seconds / n for seconds, n in zip(taken, n_tokens, strict=True))
        for name, taken in times.items()
    }


def scores(overrides: Sequence[str], encoders: dict[str, list[str]], options: argparse.Namespace) -> dict[str, list[float]]:
    """Return the test scores of each encoder, one per seed."""
    jobs = [(name, seed) for name in encoders for seed in options.seeds]

    def trained(job: tuple[str, int]) -> float:
        name, seed = job
        folder = options.folder / f"{name}-{seed}"
        if not (folder / "metrics.json").exists():
            words = [*overrides, *encoders[name], f"seed={seed}", "n_threads=1", "n_examples=0", f"paths.run_dir={folder}"]
            words.append(f"hydra.run.dir={folder}")
            environment = os.environ | {"OMP_NUM_THREADS": "1"}
            command = [sys.executable, "-m", "seqlab", "train", *words]
            done = subprocess.run(command, capture_output=True, text=True, env=environment)
            if done.returncode:
                sys.exit(f"{' '.join(words)}\n{done.stderr}")
        metrics = json.loads((folder / "metrics.json").read_text())
        return score_in(metrics["test"], metrics["training"]["monitor"])

    with ThreadPoolExecutor(options.workers) as pool:
        found = dict(zip(jobs, pool.map(trained, jobs), strict=True))
    return {name: [found[name, seed] for seed in options.seeds] for name in encoders}


def score_in(metrics: Any, monitor: str) -> float:
    """Return the test score, in percent, with the name of the monitored one."""
    for key in monitor.split("/")[1:]:
        metrics = metrics[key]
    return 100 * metrics


def lines(
    budget: int, experiment: Experiment, sizes: dict[str, tuple[list[str], int]], options: argparse.Namespace
) -> Iterator[str]:
    """Yield the table."""
    encoders = {name: words for name, (words, _) in sizes.items()}
    speed = speeds(experiment, encoders, n_batches=options.batches) if options.batches else {}
    score = scores(experiment.overrides, encoders, options) if options.seeds else {}
    yield f"| encoder ({budget:,} parameters) | width | parameters | tokens/s | relative to the first | score | mean |"
    yield "|---|---|---|---|---|---|---|"
    for name, words in encoders.items():
        width = next((word.partition("=")[2] for word in words if word.startswith("encoder.width=")), "")
        rates = [f"{speed[name]:,.0f}", f"{speed[name] / speed[next(iter(speed))]:.2f}"] if speed else ["", ""]
        found = [", ".join(f"{x:.1f}" for x in score[name]), f"{statistics.mean(score[name]):.1f}"] if score else ["", ""]
        yield f"| `{name}` | {width} | {sizes[name][1]:,} | {' | '.join(rates + found)} |"


def all_encoders() -> list[str]:
    """Return the names of the encoders with a width, LSTM first, and of `identity`."""
    return sorted((name for name in options_of("encoder") if name not in UNSIZED[:2]), key=lambda name: (name != "lstm", name))


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--seeds", type=int, nargs="*", default=[], help="train each encoder with these seeds (default: do not train)"
    )
    parser.add_argument("--batches", type=int, default=60, help="training steps per encoder to measure its speed (0: none)")
    parser.add_argument("--workers", type=int, default=1, help="runs at the same time, with one thread each")
    parser.add_argument("--encoders", nargs="+", default=all_encoders())
    parser.add_argument("--folder", type=Path, default=Path("runs/encoders"), help="folder for the runs")
    parser.add_argument("overrides", nargs="*", help="default: experiment=demo")
    options = parser.parse_intermixed_args()
    options.overrides = options.overrides or ["experiment=demo"]
    keep_freed_memory()  # as the seqlab command does
    experiment = Experiment(options.overrides)
    sizes = Sizes(experiment)
    budget = sizes.n_parameters(experiment.settings["encoder"])
    chosen = {name: sizes.at_budget(name, budget) for name in options.encoders}
    for line in lines(budget, experiment, chosen, options):
        print(line, flush=True)


if __name__ == "__main__":
    main()
