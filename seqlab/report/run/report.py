"""The report on one run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from seqlab.data.multitask.data_sets import score_names, set_configs
from seqlab.heads import Head
from seqlab.heads.parts.answers import Answered, LabelAnswer, SequenceAnswer, SetAnswer, SpanAnswer
from seqlab.metrics.flat_scores import per_label_key
from seqlab.model.bundle import Bundle, load_bundle
from seqlab.report.document.model import Block, Document, Paragraph, Section
from seqlab.report.run.context import Context
from seqlab.report.run.header import header
from seqlab.report.run.learning import gradients, learning, speed
from seqlab.report.run.of_labels import label_sections
from seqlab.report.run.of_sequences import sequence_sections
from seqlab.report.run.of_sets import set_sections
from seqlab.report.run.of_spans import span_sections
from seqlab.report.run.tables import per_label_section, scores_section
from seqlab.report.run.training_data import training_of, training_records
from seqlab.runs.run import FinishedRun

SPLIT = "test"
_UNITS = {"token": "steps", "segment": "segments"}
"""Kind of head -> what its labels belong to; records for the others."""
_SECTIONS: Mapping[type, Callable[..., list[Section]]] = {
    SpanAnswer: span_sections,
    LabelAnswer: label_sections,
    SetAnswer: set_sections,
    SequenceAnswer: sequence_sections,
}


def run_report(run: FinishedRun, *, n_examples: int, allow: Sequence[str] = ()) -> Document:
    """Report on a run, with `n_examples` records for each head; `allow` is passed to `load_bundle`.

    Raises: DataError for a folder without a finished run; BundleError for a model that cannot be loaded.
    """
    bundle = load_bundle(run.model, allow=allow)
    heads = list(_head_sections(run, bundle, n_examples=n_examples, allow=allow))
    if not heads:
        note = "The run kept no predictions on test records (data.splits.test is null, or test=false)."
        heads = [Section("Predictions", [Paragraph(note)])]
    training = Section("Training", sections=[learning(run), speed(run), *gradients(run)])
    return Document(f"Run {run.path.resolve().name}", [header(run, bundle), training, *heads])


def _head_sections(run: FinishedRun, bundle: Bundle, *, n_examples: int, allow: Sequence[str]) -> Iterator[Section]:
    """Yield a section for every head on every data set."""
    heads = bundle.labeler.heads
    # An encoder that turns words into the nodes of a tree does not keep the steps.
    keeps_steps = bundle.labeler.encoder.keeps_steps
    configs = set_configs(run.config["data"])
    names = score_names({name: config.get("heads", list(heads)) for name, config in configs.items()})
    for data_set in run.data_sets(SPLIT):
        records = list(run.answers(SPLIT, data_set=data_set))
        training = training_records(run, data_set, allow=allow)
        where = f"predictions/{data_set + '/' if data_set else ''}{SPLIT}.jsonl"
        for key, head in heads.items():
            known = [record for record in records if key in record.gold and key in record.predictions]
            if not known:
                continue
            name = names[data_set].get(key, key)
            answered = [Answered(str(r.id), r.tokens, r.gold[key], r.predictions[key]) for r in known]
            of = "nodes" if head.is_per_step and not keeps_steps else _UNITS.get(head.kind, "records")
            context = Context(of, training_of(head, training, keeps_steps=keeps_steps), n_examples, where)
            yield Section(f"Head {name}", *_contents(head, answered, _scores(run, name), context))


def _contents(
    head: Head, answered: Sequence[Answered], scores: Mapping[str, Any], context: Context
) -> tuple[list[Block], list[Section]]:
    answers = head.shown(answered)
    n_shown = len(answered) if answers is None else len(answers)
    blocks: list[Block] = [Paragraph(f"{type(head).__name__}, on {n_shown:,} test records.")]
    if n_shown < len(answered):
        blocks.append(Paragraph(f"{len(answered) - n_shown:,} partially annotated records are left out below."))
    sections = [scores_section(scores)]
    if key := per_label_key(scores):
        sections.append(per_label_section(scores[key], what=key.removeprefix("per_")))
    if answers:
        # All answers of a head have the same shape.
        return blocks, [*sections, *_SECTIONS[type(answers[0])](answers, context)]
    note = "For heads of this kind, reports have scores only." if answers is None else "No record is fully annotated."
    return blocks, [*sections, Section("Predictions", [Paragraph(note)])]


def _scores(run: FinishedRun, name: str) -> Mapping[str, Any]:
    """Return the scores of a head; a single head has no name among them."""
    scores: Mapping[str, Any] = run.metrics.get(SPLIT, {})
    inner = scores.get(name)
    return inner if isinstance(inner, Mapping) else scores
