"""The plugin's encoders beside torch's own LSTM and GRU on long records, in training: how many times as fast (1.0 = the same).

All take turns in one process, in a new order each time, so that other load on the machine falls on each; the ratios are those
of the medians, and of the shortest times, which other load lengthens least.
Run: PYTHONPATH=benchmarks python plugins/seqlab-scan/benchmarks/scan.py [--steps 2000] [--width 100] [--batch 8]
[--threads 1 2] [--algorithms] [--both]
"""

import argparse
import random
import statistics
from collections.abc import Callable

import torch
from torch import Tensor, nn
from turns import seconds

from seqlab.cli.process import keep_freed_memory
from seqlab.config.build import build, known_targets
from seqlab.config.compose import compose, plain
from seqlab.steps import Steps

TORCH = {"nn.LSTM": nn.LSTM, "nn.GRU": nn.GRU}
OPTIONS = {
    "min_gru": ["encoder=min_gru"],
    "min_lstm": ["encoder=min_lstm"],
    "sru": ["encoder=sru"],
    "sru, no peepholes": ["encoder=sru", "encoder.cell.has_peepholes=false"],
    "qrnn": ["encoder=qrnn"],
    "qrnn, window 1": ["encoder=qrnn", "encoder.cell.window=1"],
    "mlstm": ["encoder=mlstm"],
    "slstm": ["encoder=slstm"],
}
ALGORITHMS = {
    f"{option}, {algorithm}": [
        f"encoder={option}",
        f"encoder.cell.algorithm={algorithm}",
        "encoder.cell.candidate_activation=positive",  # the only one that log space takes
    ]
    for option in ("min_gru", "min_lstm")
    for algorithm in ("loop", "blocks", "log_space")
}
QUIET = ["encoder.drop_prob=0", "encoder.output_drop_prob=0", "paths.run_dir=."]


def encoder_of(*overrides: str, width: int, is_bidirectional: bool) -> nn.Module:
    words = [*overrides, *QUIET, f"encoder.width={width}", f"encoder.is_bidirectional={is_bidirectional}"]
    made: nn.Module = build(plain(compose(words))["encoder"], targets=known_targets(), path="encoder", input_width=width)
    return made


def training_step(module: nn.Module, values: Tensor, weights: Tensor) -> Callable[[], None]:
    lengths = torch.full((len(values),), values.shape[1], device=values.device)

    def run() -> None:
        values.grad = None
        output = module(values)[0] if isinstance(module, nn.RNNBase) else module(Steps(values, lengths)).values
        (output * weights).sum().backward()
        if values.is_cuda:
            torch.cuda.synchronize()

    return run


def report(options: argparse.Namespace, *, n_threads: int, is_bidirectional: bool) -> None:
    torch.set_num_threads(n_threads)
    torch.manual_seed(0)
    width, device = options.width, options.device
    values = torch.randn(options.batch, options.steps, width, device=device, requires_grad=True)
    weights = torch.randn(options.batch, options.steps, (1 + is_bidirectional) * width, device=device)
    modules: dict[str, nn.Module] = {
        name: make(width, width, batch_first=True, bidirectional=is_bidirectional) for name, make in TORCH.items()
    }
    for name, overrides in (OPTIONS | ALGORITHMS if options.algorithms else OPTIONS).items():
        modules[name] = encoder_of(*overrides, width=width, is_bidirectional=is_bidirectional)
    runs = {name: training_step(module.to(device), values, weights) for name, module in modules.items()}
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(options.repeats):
        for name in random.sample(list(runs), len(runs)):  # what runs before leaves the caches in its own state
            times[name].append(seconds(runs[name]))
    medians = {name: statistics.median(values) for name, values in times.items()}
    shortest = {name: min(values) for name, values in times.items()}
    print(f"\n{n_threads} threads, {'both directions' if is_bidirectional else 'one direction'}")
    print(f"{'':20} {'ms':>8} {'tokens/s':>10} {'nn.LSTM':>8} {'nn.GRU':>8} {'shortest':>10} {'nn.LSTM':>8} {'nn.GRU':>8}")
    for name, median in medians.items():
        best = shortest[name]
        ratios, of_shortest = ("".join(f" {kind[other] / kind[name]:8.2f}" for other in TORCH) for kind in (medians, shortest))
        speed = options.batch * options.steps / median
        print(f"{name:20} {1000 * median:8.2f} {speed:10,.0f}{ratios} {1000 * best:10.2f}{of_shortest}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("width", 100), ("batch", 8), ("steps", 2000), ("repeats", 11)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--algorithms", action="store_true", help="the minimal cells by each algorithm of tensors, too")
    parser.add_argument("--both", action="store_true", help="both directions, too")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    keep_freed_memory()  # as the command does
    print(f"training, width {options.width}, batch {options.batch}, {options.steps} steps; ratios above 1: faster than torch's")
    for n_threads in options.threads:
        for is_bidirectional in (False, True)[: 1 + options.both]:
            report(options, n_threads=n_threads, is_bidirectional=is_bidirectional)


if __name__ == "__main__":
    main()
