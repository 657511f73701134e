"""A record seen through a model: traces, pictures, and one page that needs nothing else."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch
from safetensors.torch import save
from torch import Tensor

from seqlab.config.build import build, known_targets
from seqlab.config.compose import compose, plain
from seqlab.errors import ConfigError, DataError
from seqlab.inference import TaggedRecord, Tagger
from seqlab.report.model.figures import gate_figure, influence_figure, png, svg
from seqlab.report.model.traces import MAX_MATRIX_STEPS, CellTrace, trace, trace_cell
from seqlab.report.model.trees import tree_svg
from seqlab.types import Prediction

PAGE_FILE = "index.html"
TRACES_FILE = "traces.safetensors"
BARE_ENCODERS = ("rnn", "lstm", "gru")
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --line: #d0d7de; --soft: #57606a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --line: #30363d; --soft: #8d96a0; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto; max-width: 72rem;
  padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2.5rem; }
table { border-collapse: collapse; font-size: .85rem; } .wide { overflow-x: auto; }
th, td { border-bottom: 1px solid var(--line); padding: .2rem .6rem; text-align: right; }
th:first-child, td:first-child { text-align: left; }
figure { margin: 1rem 0; padding: .5rem; background: #fff; border: 1px solid var(--line); overflow-x: auto; }
figcaption, p.note { color: var(--soft); font-size: .85rem; max-width: 50rem; }
figcaption { color: #57606a; } figure svg { max-width: none; height: auto; }
"""


@final
@dataclass(frozen=True)
class Inspection:
    """One record as a model reads it."""

    record: TaggedRecord
    steps: Sequence[str]
    """A name for each step: its token, or its number."""
    traces: Sequence[CellTrace]
    curves: Mapping[str, Tensor]
    """Influence of the first step over time, by what it is of: the model, those beside it, untrained cells."""


def inspect(tagger: Tagger, item: Any, *, name: str, beside: Mapping[str, Tagger] | None = None) -> Inspection:
    """Return what the model `name` does with `item` (any input of `Tagger.predict`), and others `beside` it.

    Raises: DataError for an empty record; ConfigError where the encoder has no recurrent layer and builds no tree.
    """
    (record,) = tagger.predict([item])
    traces = _traces(tagger, item, name=name, is_needed=not _trees(record))
    if not traces and record.tokens:
        return Inspection(record, record.tokens, [], {})
    if not traces or not len((first := _first(traces, name=name)).inputs):
        raise DataError("the record has no step; give a text with at least one token")
    curves = {name: first.influence[0]}
    for other, model in (beside or {}).items():
        curves[other] = _first(_traces(model, item, name=other), name=other).influence[0]
    for option in BARE_ENCODERS:
        curves[f"untrained {option}"] = _untrained(option, first)
    steps = record.tokens or [str(i) for i in range(1, len(first.inputs) + 1)]
    return Inspection(record, steps, traces, curves)


def write_inspection(inspection: Inspection, folder: Path, *, name: str) -> list[Path]:
    """Write the page, each picture as PNG, and the numbers, into `folder`; return their paths, the page first."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = _figures(inspection)
    trees = {f"tree-{head}": tree_svg(inspection.record.tokens, p) for head, p in _trees(inspection.record).items()}
    pictures = {**trees, **{key: svg(figure) for key, figure in figures.items()}}
    contents: dict[str, bytes] = {PAGE_FILE: _page(inspection, pictures, name=name).encode()}
    contents |= {f"{key}.svg": picture.encode() for key, picture in trees.items()}
    contents |= {f"{key}.png": png(figure) for key, figure in figures.items()}
    if inspection.traces:
        contents[TRACES_FILE] = save(_tensors(inspection.traces))
    for file, content in contents.items():
        (folder / file).write_bytes(content)
    return [folder / file for file in contents]


def _figures(inspection: Inspection) -> dict[str, Any]:
    if not inspection.traces:
        return {}
    first = inspection.traces[0]
    matrix = first if not first.is_backward else None
    figures = {"influence": influence_figure(inspection.curves, matrix, steps=inspection.steps)}
    return figures | {_slug(traced): gate_figure(traced, steps=inspection.steps) for traced in inspection.traces}


def _trees(record: TaggedRecord) -> dict[str, Prediction]:
    """Return the predictions, by head, that label the nodes of a tree."""
    by_head = record.predictions.items()
    return {head: p for head, p in by_head if record.layers[head].is_of_nodes and p.bounds is not None}


def mean_gates(traced: CellTrace) -> dict[str, list[float]]:
    """Return the mean over the units of every gate, a value a step of the record."""
    return {name: traced.in_text_order(values).mean(1).tolist() for name, values in traced.gates.items()}


def _traces(tagger: Tagger, item: Any, *, name: str, is_needed: bool = True) -> list[CellTrace]:
    traces = trace(tagger.bundle.labeler, tagger.batch([item]))
    if not traces and is_needed:
        kind = type(tagger.bundle.labeler.encoder).__name__
        raise ConfigError(f"{name}: its encoder, {kind}, has no recurrent layer to look into; inspect a model of one that has")
    return traces


def _first(traces: Sequence[CellTrace], *, name: str) -> CellTrace:
    return next((traced for traced in traces if not traced.is_backward), traces[0])


def _untrained(option: str, like: CellTrace) -> Tensor:
    """Return the influence of the first step in a cell that has learned nothing, as wide as `like` and over its inputs."""
    settings = plain(compose([f"encoder={option}", "paths.run_dir=."]))["encoder"]
    make = build(settings["cell"], targets=known_targets(), path="encoder.cell")
    width = next(iter(like.states.values())).shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        cell = make(like.inputs.shape[1], width).eval()
    return trace_cell(cell, like.inputs).influence[0]


def _slug(traced: CellTrace) -> str:
    return f"gates-{traced.layer.removeprefix('encoder.').replace('.', '-')}-{traced.reading}"


def _tensors(traces: Sequence[CellTrace]) -> dict[str, Tensor]:
    """Return every number that is drawn, by `layer.direction.name`, time in the order of the record but for `influence`."""
    found: dict[str, Tensor] = {}
    for traced in traces:
        place = f"{traced.layer}.{traced.reading}"
        values = {**traced.gates, **{f"{name}_state": states for name, states in traced.states.items()}}
        found |= {f"{place}.{name}": traced.in_text_order(each).contiguous() for name, each in values.items()}
        found[f"{place}.influence"] = traced.influence.contiguous()
    return found


def _traced_parts(inspection: Inspection, pictures: Mapping[str, str]) -> list[str]:
    parts = [
        "<h2>Influence</h2>",
        _figure(
            pictures["influence"],
            "The norm of the derivative of each hidden state by the first input of its layer: where it falls, nothing that "
            "comes later can depend on the first step, nor learn to. Dashed: untrained cells as wide, over the same inputs. "
            f"Below, the influence of every step (records of at most {MAX_MATRIX_STEPS} steps).",
        ),
        "<h2>Gates and states</h2>",
    ]
    for traced in inspection.traces:
        parts.append(_gates_table(traced, inspection.steps))
        parts.append(_figure(pictures[_slug(traced)], "A row is a unit, a column a step; gates from 0 (shut) to 1 (open)."))
    return parts


def _page(inspection: Inspection, pictures: Mapping[str, str], *, name: str) -> str:
    trees = _trees(inspection.record)
    parts = [
        f"<h1>Inside {html.escape(name)}</h1>",
        "<h2>What it says</h2>",
        _labels_table(inspection),
        *(_figure(pictures[f"tree-{head}"], f"{head}: the label of each node, and how sure it is.") for head in trees),
        *(_traced_parts(inspection, pictures) if inspection.traces else []),
    ]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{html.escape(name)}</title>\n<style>{_STYLE}</style></head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _figure(picture: str, caption: str) -> str:
    return f"<figure>{picture}<figcaption>{html.escape(caption)}</figcaption></figure>"


def _labels_table(inspection: Inspection) -> str:
    record = inspection.record
    heads = {head: p for head, p in record.predictions.items() if record.layers[head].is_per_step}
    whole = {head: p for head, p in record.predictions.items() if head not in heads and head not in _trees(record)}
    lines = []
    for head, prediction in whole.items():
        said = ", ".join(f"{label} ({p:.2f})" for label, p in zip(prediction.labels, prediction.confidences, strict=True))
        lines.append(f"<p>{html.escape(head)}: {html.escape(said)}</p>")
    if heads:
        rows = [
            [step, *(cell for p in heads.values() for cell in (p.labels[i], f"{p.confidences[i]:.2f}"))]
            for i, step in enumerate(inspection.steps)
        ]
        lines.append(_table(["step", *(cell for head in heads for cell in (head, "confidence"))], rows))
    return "\n".join(lines)


def _gates_table(traced: CellTrace, steps: Sequence[str]) -> str:
    means = mean_gates(traced)
    if not means:
        return ""
    rows = [[step, *(f"{values[i]:.2f}" for values in means.values())] for i, step in enumerate(steps)]
    place = f"{traced.layer}, {traced.reading}: mean over the units"
    table = _table(["step", *means], rows)
    return f"<details><summary>{html.escape(place)}</summary>{table}</details>"


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in heading)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
