"""Damaged checkpoints and bundles: each is refused, recovered from the file before it, or has the same tensors."""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from results import Result, small_run
from torch import Tensor

from seqlab.errors import SeqlabError
from seqlab.model.bundle import load_bundle
from seqlab.training.checkpoints.files import load


def attack(folder: Path, *, is_short: bool, seed: int) -> Iterator[Result]:
    """Flip a bit, or cut the end, of a checkpoint and of each file of a bundle."""
    run, random_ = small_run(folder / "run"), random.Random(seed)
    n_tried = 60 if is_short else 600
    yield _damage(run / "checkpoints" / "last.ckpt", lambda path: load(path)["state_dict"], n_tried, random_)
    for name in ("weights.safetensors", "bundle.json"):
        yield _damage(run / "model" / name, lambda path: _weights(path.parent), n_tried // 2, random_)
    shutil.rmtree(run)


def _weights(model: Path) -> dict[str, Tensor]:
    return load_bundle(model).labeler.state_dict()


def _damage(path: Path, read: Callable[[Path], dict[str, Tensor]], n_tried: int, random_: random.Random) -> Result:
    good, expected, faults, n_refused = path.read_bytes(), read(path), [], 0
    for _ in range(n_tried):
        place, bit = random_.randrange(len(good)), random_.randrange(8)
        is_cut = random_.random() < 0.2
        changed = good[:place] if is_cut else good[:place] + bytes([good[place] ^ 1 << bit]) + good[place + 1 :]
        path.write_bytes(changed)
        said = f"{path.name} {'cut at' if is_cut else 'changed at'} byte {place}: "
        try:
            found = read(path)
        except SeqlabError:
            n_refused += 1
        except Exception as error:  # noqa: BLE001 (an untyped error is what is looked for)
            faults.append(f"{said}{type(error).__name__}: {error}")
        else:
            if found.keys() != expected.keys() or any(not torch.equal(found[name], expected[name]) for name in expected):
                faults.append(said + "other tensors")
    path.write_bytes(good)
    return Result(
        f"damaged {path.name}", n_tried, faults, f"{n_refused} refused, {n_tried - n_refused - len(faults)} identical"
    )
