"""Inspect how a model reads one record: traces, pictures and a self-contained page."""

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
from seqlab.report.document.as_html import as_html
from seqlab.report.document.model import Block, Column, Document, Paragraph, Picture, Section, Table, Value
from seqlab.report.model.figures import gate_figure, influence_figure, png, svg
from seqlab.report.model.traces import MAX_MATRIX_STEPS, CellTrace, trace, trace_cell
from seqlab.report.model.trees import tree_svg
from seqlab.types import Prediction

PAGE_FILE = "index.html"
TRACES_FILE = "traces.safetensors"
BARE_ENCODERS = ("rnn", "lstm", "gru")


@final
@dataclass(frozen=True)
class Inspection:
    """How a model reads one record."""

    record: TaggedRecord
    steps: Sequence[str]
    """Name of each step: its token or number."""
    traces: Sequence[CellTrace]
    curves: Mapping[str, Tensor]
    """Influence of the first step over time, by name: the model, models compared with it, and untrained cells."""


def inspect(tagger: Tagger, item: Any, *, name: str, beside: Mapping[str, Tagger] | None = None) -> Inspection:
    """Trace the model `name` on `item` (any input of `Tagger.predict`), next to the models in `beside`.

    Raises: DataError for an empty record; ConfigError if the encoder is neither recurrent nor builds a tree.
    """
    (record,) = tagger.predict([item])
    traces = _traces(tagger, item, name=name, is_needed=not _trees(record))
    if not traces and record.tokens:
        return Inspection(record, record.tokens, [], {})
    if not traces or not len((first := _first_forward(traces)).inputs):
        raise DataError("the record has no steps; expected a text with at least one token")
    curves = {name: first.influence[0]}
    for other, model in (beside or {}).items():
        curves[other] = _first_forward(_traces(model, item, name=other)).influence[0]
    for option in BARE_ENCODERS:
        curves[f"untrained {option}"] = _untrained(option, first)
    steps = record.tokens or [str(i) for i in range(1, len(first.inputs) + 1)]
    return Inspection(record, steps, traces, curves)


def write_inspection(inspection: Inspection, folder: Path, *, name: str) -> list[Path]:
    """Write the page, the pictures as PNG and the traces to `folder`; return their paths, page first."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = _figures(inspection)
    trees = {f"tree-{head}": tree_svg(inspection.record.tokens, p) for head, p in _trees(inspection.record).items()}
    pictures = {**trees, **{key: svg(figure) for key, figure in figures.items()}}
    contents: dict[str, bytes] = {PAGE_FILE: as_html(_document(inspection, pictures, name=name)).encode()}
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
    """Return the predictions for the nodes of a tree, by head."""
    by_head = record.predictions.items()
    return {head: p for head, p in by_head if record.layers[head].is_of_nodes and p.bounds is not None}


def mean_gates(traced: CellTrace) -> dict[str, list[float]]:
    """Return the mean over the units of each gate, at each step of the record."""
    return {name: traced.in_text_order(values).mean(1).tolist() for name, values in traced.gates.items()}


def _traces(tagger: Tagger, item: Any, *, name: str, is_needed: bool = True) -> list[CellTrace]:
    traces = trace(tagger.bundle.labeler, tagger.batch([item]))
    if not traces and is_needed:
        kind = type(tagger.bundle.labeler.encoder).__name__
        raise ConfigError(f"{name}: its encoder, {kind}, has no recurrent layer to inspect; choose a model that has one")
    return traces


def _first_forward(traces: Sequence[CellTrace]) -> CellTrace:
    return next((traced for traced in traces if not traced.is_backward), traces[0])


def _untrained(option: str, like: CellTrace) -> Tensor:
    """Return the influence of the first step in an untrained cell with the width and inputs of `like`."""
    settings = plain(compose([f"encoder={option}", "paths.run_dir=."]))["encoder"]
    make = build(settings["cell"], targets=known_targets(), path="encoder.cell")
    width = next(iter(like.states.values())).shape[1]
    with torch.random.fork_rng(devices=[]):
        # A fixed seed, so that the same record gives the same page; the fork leaves the caller's random state alone.
        torch.manual_seed(0)
        cell = make(like.inputs.shape[1], width).eval()
    return trace_cell(cell, like.inputs).influence[0]


def _slug(traced: CellTrace) -> str:
    return f"gates-{traced.layer.removeprefix('encoder.').replace('.', '-')}-{traced.reading}"


def _tensors(traces: Sequence[CellTrace]) -> dict[str, Tensor]:
    """Return the traced values as `layer.direction.name`, in record order (`influence` in reading order)."""
    found: dict[str, Tensor] = {}
    for traced in traces:
        place = f"{traced.layer}.{traced.reading}"
        values = {**traced.gates, **{f"{name}_state": states for name, states in traced.states.items()}}
        found |= {f"{place}.{name}": traced.in_text_order(each).contiguous() for name, each in values.items()}
        found[f"{place}.influence"] = traced.influence.contiguous()
    return found


def _document(inspection: Inspection, pictures: Mapping[str, str], *, name: str) -> Document:
    trees = [
        Picture(pictures[f"tree-{head}"], f"{head}: the label of each node, and its confidence.")
        for head in _trees(inspection.record)
    ]
    sections = [Section("Predictions", [*_labels(inspection), *trees])]
    if inspection.traces:
        caption = (
            "The norm of the derivative of each hidden state with respect to the first input of its layer. Where it vanishes, "
            "later steps cannot depend on the first one, nor learn to. Dashed: untrained cells of the same width on the same "
            f"inputs. Below: the influence of every step, for records of at most {MAX_MATRIX_STEPS} steps."
        )
        sections.append(Section("Influence", [Picture(pictures["influence"], caption)]))
        caption = "Rows are units, columns are steps; gates range from 0 (closed) to 1 (open)."
        gates = [Picture(pictures[_slug(traced)], caption) for traced in inspection.traces]
        means = [_gates_table(traced, inspection.steps) for traced in inspection.traces if traced.gates]
        sections.append(Section("Gates and states", [*gates, *means]))
    return Document(f"Inside {name}", sections)


def _labels(inspection: Inspection) -> list[Block]:
    record, trees = inspection.record, _trees(inspection.record)
    per_step = {head: p for head, p in record.predictions.items() if record.layers[head].is_per_step}
    blocks: list[Block] = []
    for head, p in record.predictions.items():
        if head not in per_step and head not in trees:
            labels = (f"{label} ({confidence:.2f})" for label, confidence in zip(p.labels, p.confidences, strict=True))
            blocks.append(Paragraph(f"{head}: {', '.join(labels)}"))
    if per_step:
        columns = [Column("step"), *(c for head in per_step for c in (Column(head), Column("confidence", "number")))]
        rows: list[list[Value]] = [
            [step, *(cell for p in per_step.values() for cell in (p.labels[i], p.confidences[i]))]
            for i, step in enumerate(inspection.steps)
        ]
        blocks.append(Table(columns, rows))
    return blocks


def _gates_table(traced: CellTrace, steps: Sequence[str]) -> Table:
    means = mean_gates(traced)
    rows: list[list[Value]] = [[step, *(values[i] for values in means.values())] for i, step in enumerate(steps)]
    columns = [Column("step"), *(Column(name, "number") for name in means)]
    return Table(columns, rows, caption=f"{traced.layer}, {traced.reading}: mean over the units")
