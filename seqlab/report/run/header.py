"""The facts of a run: task, data, model, seed, command, versions."""

import shlex
from collections.abc import Mapping
from typing import Any

from seqlab.data.multitask.data_sets import set_configs
from seqlab.model.bundle import Bundle
from seqlab.report.document.model import Column, Section, Table, Value
from seqlab.report.run.examples import counted
from seqlab.runs.run import FinishedRun


def header(run: FinishedRun, bundle: Bundle) -> Section:
    """Return a table of the facts."""
    training = run.metrics.get("training", {})
    facts: dict[str, Value] = {"task": run.config["task_name"]}
    facts |= {f"data {name}".strip(): _data(config) for name, config in set_configs(run.config["data"]).items()}
    facts |= {"monitored": training.get("monitor"), "best value": training.get("best"), "epochs": training.get("epochs")}
    facts |= {**_model(run.config, bundle), **_circumstances(run)}
    return Section("Summary", [Table([Column("fact"), Column("value")], list(facts.items()))])


def _data(config: Mapping[str, Any]) -> str:
    where = f" from {config['dir']}" if config.get("dir") else ""
    splits = ", ".join(f"{split}: {file}" for split, file in config["splits"].items() if file)
    return f"{_class(config['reader'])}{where} ({splits})"


def _model(config: Mapping[str, Any], bundle: Bundle) -> dict[str, str]:
    encoder, optimizer, labeler = config["encoder"], config["optimizer"], bundle.labeler
    sizes = [f"{name} {encoder[name]}" for name in ("width", "depth", "is_bidirectional") if encoder.get(name) is not None]
    cell = encoder.get("cell")
    # Encoders that are not recurrent, such as chains, have no cell of their own.
    inner = f" of {_class(cell)}" if isinstance(cell, Mapping) and "_target_" in cell else ""
    return {
        "embedding": ", ".join(config["embedding"].get("parts", {})),
        "encoder": ", ".join([f"{_class(encoder)}{inner}", *sizes]),
        "heads": ", ".join(f"{name} ({type(head).__name__})" for name, head in labeler.heads.items()),
        "parameters": f"{sum(p.numel() for p in labeler.parameters()):,}",
        "optimiser": f"{_class(optimizer)}, lr {optimizer.get('lr')}",
    }


def _circumstances(run: FinishedRun) -> dict[str, Value]:
    environment = run.environment
    packages = {"seqlab": environment.get("seqlab"), "python": environment.get("python"), **environment.get("packages", {})}
    threads = counted(environment.get("n_threads"), "thread")
    facts = {
        "seed": run.config["seed"],
        "command": command_line(run),
        "versions": ", ".join(f"{name} {version}" for name, version in packages.items()),
        "machine": f"{environment.get('platform')}, {environment.get('accelerator')}, {threads}",
    }
    if git := environment.get("git"):
        facts["git"] = f"{git['commit']}{'' if git['is_clean'] else ', with uncommitted changes'}"
    return facts | {"folder": str(run.path)}


def command_line(run: FinishedRun) -> str:
    """Return the command that started the run, quoted for a shell; empty if the run did not record it."""
    program, *words = map(str, run.environment.get("command") or [""])
    if words[:1] == ["train"]:
        program = program.removesuffix(" train")  # as trials of sweeps recorded it
    return f"{program} {shlex.join(words)}".strip()


def _class(node: Mapping[str, Any]) -> str:
    return str(node.get("_target_", "")).rsplit(".", 1)[-1]
