"""The report on one run."""

from collections.abc import Sequence
from typing import cast

from datasets import Dataset

from seqlab.data.multitask.data_sets import set_configs
from seqlab.heads import Head
from seqlab.metrics.flat_scores import per_label_key
from seqlab.model.bundle import Bundle, load_bundle
from seqlab.report.analysis.answers import LabelAnswer, SequenceAnswer, SetAnswer, SpanAnswer
from seqlab.report.analysis.familiarity import Training
from seqlab.report.document.model import Block, Document, Paragraph, Section
from seqlab.report.run.header import header
from seqlab.report.run.learning import gradients, learning, speed
from seqlab.report.run.of_labels import label_sections
from seqlab.report.run.of_sequences import sequence_sections
from seqlab.report.run.of_sets import set_sections
from seqlab.report.run.of_spans import span_sections
from seqlab.report.run.reading import SPLIT, HeadAnswers, head_answers
from seqlab.report.run.tables import per_label_section, scores_section
from seqlab.report.run.training_data import training_of, training_records
from seqlab.runs.run import FinishedRun

_UNITS = {"token": "steps", "segment": "segments"}
"""Kind of head -> what its labels belong to; records for the others."""


def run_report(run: FinishedRun, *, n_examples: int, allow: Sequence[str] = ()) -> Document:
    """Report on a run, with `n_examples` records for each head; `allow` is passed to `load_bundle`.

    Raises: DataError for a folder without a finished run; BundleError for a model that cannot be loaded.
    """
    bundle = load_bundle(run.model, allow=allow)
    read = list(head_answers(run, bundle))
    records = {name: training_records(run, name, allow=allow) for name in set_configs(run.config["data"])}
    heads = [_head_section(of_head, run, bundle, records[of_head.data_set], n_examples=n_examples) for of_head in read]
    if not heads:
        note = "The run kept no predictions on test records (data.splits.test is null, or test=false)."
        heads = [Section("Predictions", [Paragraph(note)])]
    flow = gradients(run)
    training = [learning(run), speed(run), *([flow] if flow else [])]
    return Document(f"Run {run.path.resolve().name}", [header(run, bundle), Section("Training", sections=training), *heads])


def _head_section(
    of_head: HeadAnswers, run: FinishedRun, bundle: Bundle, records: Dataset | str, *, n_examples: int
) -> Section:
    title = f"Head {of_head.name}"
    blocks: list[Block] = [Paragraph(f"{type(of_head.head).__name__}, on {of_head.n_records:,} test records.")]
    if of_head.n_partial:
        blocks.append(Paragraph(f"{of_head.n_partial:,} partially annotated records are left out below."))
    key = per_label_key(of_head.scores)
    scores = [scores_section(of_head.scores)]
    scores += [per_label_section(of_head.scores, key=key, what=key.removeprefix("per_"))] if key else []
    where = f"predictions/{of_head.data_set + '/' if of_head.data_set else ''}{SPLIT}.jsonl"
    training = _training(of_head.head, records, bundle)
    return Section(title, blocks, [*scores, *_analyses(of_head, training, n_examples=n_examples, where=where)])


def _training(head: Head, records: Dataset | str, bundle: Bundle) -> Training | str:
    if isinstance(records, str):
        return f"The training records could not be read again: {records}"
    return training_of(head, records, bundle=bundle) or "The records have no words."


def _analyses(of_head: HeadAnswers, training: Training | str, *, n_examples: int, where: str) -> list[Section]:
    if of_head.answers is None:
        note = "For heads of this kind, reports have scores only."
        return [Section("Predictions", [Paragraph(note)])]
    answers = of_head.answers
    match next(iter(answers), None):  # all answers of a head are of one kind
        case SpanAnswer():
            spans = cast(Sequence[SpanAnswer], answers)
            return span_sections(spans, training=training, n_examples=n_examples, where=where)
        case LabelAnswer():
            labels = cast(Sequence[LabelAnswer], answers)
            of, nodes = _what(of_head), of_head.is_of_nodes
            return label_sections(labels, training=training, of=of, is_of_nodes=nodes, n_examples=n_examples, where=where)
        case SetAnswer():
            return set_sections(cast(Sequence[SetAnswer], answers), n_examples=n_examples, where=where)
        case SequenceAnswer():
            return sequence_sections(cast(Sequence[SequenceAnswer], answers), n_examples=n_examples, where=where)
    return [Section("Predictions", [Paragraph("No record is fully annotated.")])]


def _what(of_head: HeadAnswers) -> str:
    return "nodes" if of_head.is_of_nodes else _UNITS.get(of_head.head.kind, "records")
