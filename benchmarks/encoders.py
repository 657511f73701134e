"""Compare all encoders at the same number of parameters: speed and test score, as a Markdown table.

    python benchmarks/encoders.py --seeds 1 2 3 --workers 2 --folder runs/encoders experiment=wnut17 data.dir=…/wnut17
    python benchmarks/encoders.py --seeds 1 --batches 0 --lengths 25 2000

Widths are chosen so that each encoder has about as many parameters as the one that the overrides select; encoders of installed
plugins take part, apart from those of trees. For speed, all run whole training steps alternately on the same batches in one
process. `--lengths` times the encoders alone, training and prediction, on records of each length. For scores, each is trained
by `seqlab train` on one thread, `--workers` at a time; runs whose metrics are in the folder already are not repeated.
"""

import argparse
import bisect
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from experiment import Experiment, settings_of
from torch import Tensor, nn
from turns import alternate

from seqlab.cli.process import keep_freed_memory
from seqlab.config.build import build
from seqlab.config.compose import options_of
from seqlab.steps import Steps

WIDTHS_A_STEP = {"lstm_blocks": 4, "mlstm": 5, "slstm": 5}
TOKENS_A_BATCH = 800
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
            words = [f"encoder={option}"]
            if "width" in settings_of([*self.overrides, *words])["encoder"]:  # the experiment sets one
                words.append("~encoder.width")
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


def times_alone(
    experiment: Experiment, encoders: dict[str, list[str]], *, input_width: int, length: int, repeats: int
) -> dict[str, dict[str, float]]:
    """Return the median `training` and `prediction` seconds of each encoder alone, on a batch of equally long records."""
    n_records = max(2, TOKENS_A_BATCH // length)
    values = torch.randn(n_records, length, input_width, requires_grad=True)
    steps = Steps(values, torch.full((n_records,), length))
    runs = {}
    for name, words in encoders.items():
        node = settings_of([*experiment.overrides, *words])["encoder"]
        built: nn.Module = build(node, targets=experiment.targets, path="encoder", input_width=input_width)
        runs |= {("training", name): _training(built, steps), ("prediction", name): _prediction(built, steps)}
    medians = {key: statistics.median(times) for key, times in alternate(runs, repeats=repeats).items()}
    return {kind: {name: medians[kind, name] for name in encoders} for kind in ("training", "prediction")}


def _training(encoder: nn.Module, steps: Steps) -> Callable[[], None]:
    def run() -> None:
        output: Tensor = encoder.train()(steps).values
        if output.requires_grad:  # `identity` gives its input back
            output.sum().backward()

    return run


def _prediction(encoder: nn.Module, steps: Steps) -> Callable[[], None]:
    @torch.inference_mode()
    def run() -> None:
        encoder.eval()(steps)

    return run


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
    budget: int,
    experiment: Experiment,
    sizes: dict[str, tuple[list[str], int]],
    options: argparse.Namespace,
    *,
    input_width: int,
) -> Iterator[str]:
    """Yield the table."""
    encoders = {name: words for name, (words, _) in sizes.items()}
    columns: dict[str, dict[str, str]] = {"width": {name: _width(words) for name, words in encoders.items()}}
    columns["parameters"] = {name: f"{count:,}" for name, (_, count) in sizes.items()}
    if options.batches:
        speed = speeds(experiment, encoders, n_batches=options.batches)
        columns["tokens/s"] = {name: f"{rate:,.0f}" for name, rate in speed.items()}
        columns["relative to the first"] = {name: f"{rate / next(iter(speed.values())):.2f}" for name, rate in speed.items()}
    for length in options.lengths:
        found = times_alone(experiment, encoders, input_width=input_width, length=length, repeats=options.repeats)
        for kind, times in found.items():
            first = next(iter(times.values()))
            columns[f"{kind}, {length} steps"] = {name: f"{first / seconds:.2f}" for name, seconds in times.items()}
    if options.seeds:
        score = scores(experiment.overrides, encoders, options)
        columns["score"] = {name: ", ".join(f"{x:.1f}" for x in of_seeds) for name, of_seeds in score.items()}
        columns["mean"] = {name: f"{statistics.mean(of_seeds):.1f}" for name, of_seeds in score.items()}
    yield f"| encoder ({budget:,} parameters) | {' | '.join(columns)} |"
    yield "|---" * (1 + len(columns)) + "|"
    for name in encoders:
        yield f"| `{name}` | {' | '.join(column[name] for column in columns.values())} |"


def _width(words: Sequence[str]) -> str:
    return next((word.partition("=")[2] for word in words if word.startswith("encoder.width=")), "")


def all_encoders() -> list[str]:
    """Return the names of the encoders of steps, LSTM first; all have a width but `identity`."""
    names = [name for name in options_of("encoder") if name not in UNSIZED[:2]]
    # Those of trees need records that have some.
    of_steps = [name for name in names if "composition" not in settings_of([f"encoder={name}"])["encoder"]]
    return sorted(of_steps, key=lambda name: (name != "lstm", name))


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--seeds", type=int, nargs="*", default=[], help="train each encoder with these seeds (default: do not train)"
    )
    parser.add_argument("--batches", type=int, default=60, help="training steps per encoder to measure its speed (0: none)")
    parser.add_argument("--lengths", type=int, nargs="*", default=[], help="time encoders alone on records of these lengths")
    parser.add_argument("--repeats", type=int, default=7, help="turns of each encoder to time it alone")
    parser.add_argument("--threads", type=int, help="threads of all that is timed (default: torch's)")
    parser.add_argument("--workers", type=int, default=1, help="runs at the same time, with one thread each")
    parser.add_argument("--encoders", nargs="+", default=all_encoders())
    parser.add_argument("--folder", type=Path, default=Path("runs/encoders"), help="folder for the runs")
    parser.add_argument("overrides", nargs="*", help="default: experiment=demo")
    options = parser.parse_intermixed_args()
    options.overrides = options.overrides or ["experiment=demo"]
    keep_freed_memory()  # as the seqlab command does
    torch.set_num_threads(options.threads or torch.get_num_threads())
    experiment = Experiment(options.overrides)
    sizes = Sizes(experiment)
    budget = sizes.n_parameters(experiment.settings["encoder"])
    chosen = {name: sizes.at_budget(name, budget) for name in options.encoders}
    for line in lines(budget, experiment, chosen, options, input_width=sizes.input_width):
        print(line, flush=True)


if __name__ == "__main__":
    main()
