"""Training speed of every recurrent encoder relative to torch's own modules (above 1.0: ours is faster).

All run alternately in one process, in a random order, so that other load on the machine affects all of them; ratios are those
of the medians.
Run: python benchmarks/cells.py [--width 100] [--batch 32] [--steps 25] [--threads 1 2] [--encoders lstm …] [--loops]
"""

import argparse
import contextlib
import statistics
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from turns import alternate

from seqlab.cli.process import keep_freed_memory
from seqlab.config.build import build, known_targets
from seqlab.config.compose import compose, options_of, plain
from seqlab.encoders import RecurrentEncoder
from seqlab.functional.native import without_libraries
from seqlab.steps import Steps

TORCH = {"nn.LSTM": nn.LSTM, "nn.GRU": nn.GRU, "nn.RNN": nn.RNN}


def encoder_of(option: str, *, width: int, is_bidirectional: bool) -> nn.Module | None:
    """Return the encoder of a config option; None if it is not a recurrent one."""
    settings: dict[str, Any] = plain(compose([f"encoder={option}", "paths.run_dir=."]))["encoder"]
    if not settings["_target_"].endswith("RecurrentEncoder"):
        return None
    settings |= {"width": width, "is_bidirectional": is_bidirectional, "drop_prob": 0.0, "output_drop_prob": 0.0}
    if settings["cell"].get("projection_width"):
        settings["cell"]["projection_width"] = width // 2
    return build(settings, targets=known_targets(), path="encoder", input_width=width)


def training_step(module: nn.Module, values: Tensor, weights: Tensor) -> Callable[[], None]:
    lengths = torch.full((len(values),), values.shape[1], device=values.device)

    def run() -> None:
        values.grad = None
        output = module(Steps(values, lengths)).values if isinstance(module, RecurrentEncoder) else module(values)[0]
        (output * weights[..., : output.shape[2]]).sum().backward()
        if values.is_cuda:
            torch.cuda.synchronize()

    return run


def report(options: argparse.Namespace, *, n_threads: int, is_bidirectional: bool) -> None:
    torch.set_num_threads(n_threads)
    torch.manual_seed(0)
    width = options.width
    values = torch.randn(options.batch, options.steps, width, device=options.device, requires_grad=True)
    weights = torch.randn(options.batch, options.steps, 2 * width, device=options.device)
    modules: dict[str, nn.Module] = {
        name: make(width, width, batch_first=True, bidirectional=is_bidirectional) for name, make in TORCH.items()
    }
    for option in options.encoders or options_of("encoder"):
        encoder = encoder_of(option, width=width, is_bidirectional=is_bidirectional)
        if encoder is not None:
            modules[option] = encoder
    runs = {name: training_step(module.to(options.device), values, weights) for name, module in modules.items()}
    medians = {name: statistics.median(times) for name, times in alternate(runs, repeats=options.repeats).items()}
    n_tokens = options.batch * options.steps
    print(f"\n{n_threads} threads, {'both directions' if is_bidirectional else 'one direction'}")
    print(f"{'':16} {'ms':>7} {'tokens/s':>10} {'nn.LSTM':>8} {'nn.GRU':>8} {'nn.RNN':>8}")
    for name, median in medians.items():
        ratios = "".join(f" {medians[other] / median:8.2f}" for other in TORCH)
        print(f"{name:16} {1000 * median:7.2f} {n_tokens / median:10,.0f}{ratios}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("width", 100), ("batch", 32), ("steps", 25), ("repeats", 60)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--encoders", nargs="+", help="options of conf/encoder/ (default: all recurrent ones)")
    parser.add_argument("--loops", action="store_true", help="run without the compiled library")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    keep_freed_memory()  # as the seqlab command does
    print(f"training, width {options.width}, batch {options.batch}, {options.steps} steps; above 1: faster than torch")
    with without_libraries() if options.loops else contextlib.nullcontext():
        for n_threads in options.threads:
            for is_bidirectional in (False, True):
                report(options, n_threads=n_threads, is_bidirectional=is_bidirectional)


if __name__ == "__main__":
    main()
