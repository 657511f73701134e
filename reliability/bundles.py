"""Hostile bundles: no side effect, no leak, no untyped error, and no more than 2 s of processor time and 200 MB."""

import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from results import MEMORY_BYTES, Result, in_child, small_run
from safetensors.torch import load_file, save_file

import seqlab
from seqlab.errors import SeqlabError
from seqlab.model.bundle_files import write_content

SECRET = "not-for-bundles-7391"
TARGETS = (
    "os.system", "builtins.eval", "builtins.exec", "subprocess.run", "subprocess.check_output", "importlib.import_module",
    "pickle.loads", "ctypes.CDLL", "torch.load", "torch.hub.load", "hydra.utils.instantiate", "shutil.rmtree", "pathlib.Path",
    "seqlab.train", "seqlab.data.readers.ConllReader", "seqlab.training.train.train", "sitecustomize.main", "os._exit",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 10**6, 10**9, 10**30, 0.5, -1e300, float("nan"), float("inf"), "", "x" * 10_000, "\ud800", "../../etc",
    "${oc.env:SEQLAB_SECRET}", "${hydra:runtime.cwd}", "a\nb\x1b[2J", [], {}, [[]], {"_target_": None},
    {"_target_": "os.system"}, [1] * 1000, {"a": {"b": {"c": 1}}},
)  # fmt: skip


def attack(folder: Path, *, is_short: bool, seed: int) -> Iterator[Result]:
    """Change one to three places of a good bundle, each time others, and load it."""
    torch.set_num_threads(1)
    os.environ["SEQLAB_SECRET"] = SECRET
    good, random_ = small_run(folder / "run") / "model", random.Random(seed)
    n_tried, sentinel = (40 if is_short else 1_200), folder / "sentinel"
    faults, counts = [], Counter[str]()
    for number in range(n_tried):
        model = Path(shutil.copytree(good, folder / "model"))
        changes = mutate(model, random_, sentinel)
        ended = in_child(lambda model=model: outcome(model))
        counts[ended.answer.split(":")[0] if not ended.is_failed else "failed"] += 1
        described = f"bundle {number} ({'; '.join(changes)}): "
        if ended.is_failed:
            faults.append(described + ended.answer.strip().splitlines()[-1])
        if SECRET in ended.answer:
            faults.append(described + "leaks an environment variable")
        if sentinel.exists():
            faults.append(described + "ran code")
            sentinel.unlink()
        if ended.n_bytes > MEMORY_BYTES:
            faults.append(f"{described}took {ended.n_bytes / 2**20:.0f} MiB")
        shutil.rmtree(model)
    yield Result("hostile bundles", n_tried, faults, ", ".join(f"{n} {what}" for what, n in counts.most_common()))


def outcome(model: Path) -> str:
    """Load a bundle and use it; return what happens."""
    try:
        tagger = seqlab.load(model)
        return f"loaded: {tagger.predict(['Ada met Bob in Kiel .'])}"
    except SeqlabError as error:
        return f"refused: {error}"


def mutate(model: Path, random_: random.Random, sentinel: Path) -> list[str]:
    """Change a bundle, hashes included, and return what was changed."""
    path = model / "bundle.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["sha256"]
    changes = [_change_json(content, random_, sentinel) for _ in range(random_.choice((0, 1, 1, 2, 3)))]
    if not changes or random_.random() < 0.2:
        changes.append(_change_weights(model, random_))
    try:
        write_content(model, content)
    except (ValueError, OSError, TypeError):  # not strict JSON, or a pipe in place of a file: written without hashes
        path.write_text(json.dumps(content), encoding="utf-8")
    if random_.random() < 0.05:
        path.write_text("[" * random_.choice((10, 5_000, 200_000)), encoding="utf-8")
        changes.append("deep JSON")
    return changes


def _change_json(content: dict[str, Any], random_: random.Random, sentinel: Path) -> str:
    nodes = list(_places(content, ()))
    parent, key, place = random_.choice(nodes)
    kind = random_.choice(("delete", "value", "target", "code"))
    if kind == "delete":
        del parent[key]
    elif kind == "value":
        parent[key] = random_.choice(VALUES)
    elif kind == "target" and isinstance(parent, dict):
        parent["_target_"] = random_.choice(TARGETS)
    else:
        parent[key] = {"_target_": random_.choice(TARGETS), "_args_": [f"touch {sentinel}"], "args": f"touch {sentinel}"}
    return f"{kind} at {'.'.join(map(str, place))[:80]}"


def _places(node: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, Any, tuple[Any, ...]]]:
    children = list(node.items()) if isinstance(node, dict) else list(enumerate(node))[:3] if isinstance(node, list) else []
    for key, child in children:
        yield node, key, (*path, key)
        yield from _places(child, (*path, key))


def _change_weights(model: Path, random_: random.Random) -> str:
    path = model / "weights.safetensors"
    weights = load_file(path)
    name = random_.choice(sorted(weights))
    kind = random_.choice(("nan", "half", "long", "shape", "missing", "surplus", "cut", "pipe", "header", "folder"))
    if kind in ("nan", "half", "long", "shape"):
        new = {
            "nan": torch.full_like(weights[name], torch.nan),
            "half": weights[name].half(),
            "long": weights[name].long(),
            "shape": torch.zeros(random_.choice(((), (0,), (1,), (3, 5)))),
        }
        weights[name] = new[kind]
    elif kind == "missing":
        del weights[name]
    elif kind == "surplus":
        weights["surplus"] = torch.zeros(3)
    save_file(weights, path)
    if kind == "cut":
        path.write_bytes(path.read_bytes()[: random_.randrange(200)])
    elif kind == "header":
        path.write_bytes(random_.choice((b"\xff" * 8, (2**40).to_bytes(8, "little"))) + path.read_bytes()[8:])
    elif kind in ("pipe", "folder"):
        path.unlink()
        os.mkfifo(path) if kind == "pipe" else path.mkdir()
    return f"weights: {kind} {name}"
