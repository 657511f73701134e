"""The facts of a run: task, data, model, seed, command, versions."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from seqlab.data.multitask.data_sets import set_configs
from seqlab.model.bundle import Bundle
from seqlab.report.document.model import Column, Section, Table, Value
from seqlab.report.run.examples import counted
from seqlab.runs.run import FinishedRun

_SIZES = ("width", "depth", "is_bidirectional")


def header(run: FinishedRun, bundle: Bundle) -> Section:
    """Return a table of the facts."""
    facts = [*_task(run), *_model(run, bundle), *_circumstances(run)]
    return Section("Summary", [Table([Column("fact"), Column("value")], facts)])


def _task(run: FinishedRun) -> Iterator[tuple[str, Value]]:
    yield "task", run.config["task_name"]
    for name, config in set_configs(run.config["data"]).items():
        yield f"data {name}".strip(), _data(config)
    training = run.metrics.get("training", {})
    yield "monitored", training.get("monitor")
    yield "best value", training.get("best")
    yield "epochs", training.get("epochs")


def _data(config: Mapping[str, Any]) -> str:
    where = f" from {config['dir']}" if config.get("dir") else ""
    splits = ", ".join(f"{split}: {file}" for split, file in config["splits"].items() if file)
    return f"{_class(config['reader'])}{where} ({splits})"


def _model(run: FinishedRun, bundle: Bundle) -> Iterator[tuple[str, Value]]:
    config = run.config
    yield "embedding", ", ".join(config["embedding"].get("parts", {}))
    sizes = [f"{name} {value}" for name in _SIZES if (value := config["encoder"].get(name)) is not None]
    cell = config["encoder"].get("cell")
    inner = f" of {_class(cell)}" if isinstance(cell, Mapping) and "_target_" in cell else ""
    yield "encoder", ", ".join([f"{_class(config['encoder'])}{inner}", *sizes])
    yield "heads", ", ".join(f"{name} ({type(head).__name__})" for name, head in bundle.labeler.heads.items())
    yield "parameters", f"{sum(p.numel() for p in bundle.labeler.parameters()):,}"
    yield "optimiser", f"{_class(config['optimizer'])}, lr {config['optimizer'].get('lr')}"


def _circumstances(run: FinishedRun) -> Iterator[tuple[str, Value]]:
    environment = run.environment
    yield "seed", run.config["seed"]
    yield "command", command_line(run)
    packages = {"seqlab": environment.get("seqlab"), "python": environment.get("python"), **environment.get("packages", {})}
    yield "versions", ", ".join(f"{name} {version}" for name, version in packages.items())
    threads = counted(environment.get("n_threads"), "thread")
    yield "machine", f"{environment.get('platform')}, {environment.get('accelerator')}, {threads}"
    if git := environment.get("git"):
        yield "git", f"{git['commit']}{'' if git['is_clean'] else ', with uncommitted changes'}"
    yield "folder", str(run.path)


def command_line(run: FinishedRun) -> str:
    """Return the command that started the run, quoted for a shell; empty if the run did not record it."""
    program, *words = map(str, run.environment.get("command") or [""])
    return f"{program} {shlex.join(words)}".strip()


def _class(node: Mapping[str, Any]) -> str:
    return str(node.get("_target_", "")).rsplit(".", 1)[-1]
