"""Inspect how a model reads one record: traces, pictures and a self-contained page."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save
from torch import Tensor

from seqlab.config.build import build, known_targets
from seqlab.config.compose import compose, plain
from seqlab.errors import ConfigError, DataError
from seqlab.inference import TaggedRecord, Tagger
from seqlab.report.charts import Tree
from seqlab.report.document.as_html import as_html
from seqlab.report.document.model import Block, Column, Document, Figure, Paragraph, Picture, Section, Table
from seqlab.report.model.figures import gate_figure, influence_figure, png, svg
from seqlab.report.model.traces import MAX_MATRIX_STEPS, CellTrace, trace_cell, trace_encoder

PAGE_FILE = "index.html"
TRACES_FILE = "traces.safetensors"
BARE_ENCODERS = ("rnn", "lstm", "gru")


class Inspection(NamedTuple):
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
    # A model of trees alone has no recurrent layer, but its tree can be drawn.
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
    trees, drawings = _trees(inspection.record), _drawings(inspection)
    document = _document(inspection, trees, {key: svg(drawing) for key, drawing in drawings.items()}, name=name)
    contents: dict[str, bytes] = {PAGE_FILE: as_html(document).encode()}
    contents |= {f"tree-{head}.svg": tree.svg().encode() for head, tree in trees.items()}
    contents |= {f"{key}.png": png(drawing) for key, drawing in drawings.items()}
    if inspection.traces:
        contents[TRACES_FILE] = save(_tensors(inspection.traces))
    for file, content in contents.items():
        (folder / file).write_bytes(content)
    return [folder / file for file in contents]


def _drawings(inspection: Inspection) -> dict[str, Any]:
    if not inspection.traces:
        return {}
    first = inspection.traces[0]
    # The axes of the matrix run forwards, and so cannot show a backward layer.
    influence = influence_figure(inspection.curves, None if first.is_backward else first, steps=inspection.steps)
    gates = {_slug(traced): gate_figure(traced, steps=inspection.steps) for traced in inspection.traces}
    return {"influence": influence, **gates}


def _trees(record: TaggedRecord) -> dict[str, Tree]:
    """Return the trees whose nodes are labelled, by head."""
    return {
        head: Tree(record.tokens, found.bounds, found.labels, found.confidences, [None] * len(found.labels))
        for head, found in record.predictions.items()
        if record.layers[head].is_of_nodes and found.bounds is not None
    }


def mean_gates(traced: CellTrace) -> dict[str, list[float]]:
    """Return the mean over the units of each gate, at each step of the record."""
    return {name: traced.in_text_order(values).mean(1).tolist() for name, values in traced.gates.items()}


def _traces(tagger: Tagger, item: Any, *, name: str, is_needed: bool = True) -> list[CellTrace]:
    labeler, batch = tagger.bundle.labeler.eval(), tagger.batch([item])
    with torch.no_grad():
        steps = labeler.embedding(batch)
    traces = trace_encoder(labeler.encoder, steps, batch=batch)
    if not traces and is_needed:
        kind = type(labeler.encoder).__name__
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
        values = {**traced.gates, **{f"{name}_state": states for name, states in traced.states.items()}}
        ordered = {name: traced.in_text_order(each) for name, each in values.items()} | {"influence": traced.influence}
        found |= {f"{traced.layer}.{traced.reading}.{name}": each.contiguous() for name, each in ordered.items()}
    return found


def _document(inspection: Inspection, trees: Mapping[str, Tree], pictures: Mapping[str, str], *, name: str) -> Document:
    drawn = [Figure(tree, f"{head}: the label of each node, and its confidence.") for head, tree in trees.items()]
    sections = [Section("Predictions", [*_labels(inspection, trees), *drawn])]
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


def _labels(inspection: Inspection, trees: Mapping[str, Tree]) -> Iterator[Block]:
    record = inspection.record
    per_step = {head: p for head, p in record.predictions.items() if record.layers[head].is_per_step}
    for head, p in record.predictions.items():
        if head not in per_step and head not in trees:
            labels = (f"{label} ({confidence:.2f})" for label, confidence in zip(p.labels, p.confidences, strict=True))
            yield Paragraph(f"{head}: {', '.join(labels)}")
    if per_step:
        columns = [Column("step"), *(c for head in per_step for c in (Column(head), Column("confidence", "number")))]
        cells = [cells for p in per_step.values() for cells in (p.labels, p.confidences)]
        yield Table(columns, list(zip(inspection.steps, *cells, strict=True)))


def _gates_table(traced: CellTrace, steps: Sequence[str]) -> Table:
    means = mean_gates(traced)
    columns = [Column("step"), *(Column(name, "number") for name in means)]
    rows = list(zip(steps, *means.values(), strict=True))
    return Table(columns, rows, caption=f"{traced.layer}, {traced.reading}: mean over the units")
