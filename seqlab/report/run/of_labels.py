"""Sections for heads that label given places: steps, segments, tree nodes or whole records."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from seqlab.heads.parts.answers import LabelAnswer
from seqlab.report.analysis.counting import length_class
from seqlab.report.analysis.familiarity import FAMILIARITIES, Training
from seqlab.report.analysis.suspects import Judgement
from seqlab.report.charts import Tree
from seqlab.report.document.model import Block, Example, Line, Mark, Paragraph, Section
from seqlab.report.run.context import Context
from seqlab.report.run.examples import counted, cut_line, record_example, worst_section
from seqlab.report.run.tables import calibration_section, confusion_section, shares_table, suspects_section

MAX_TREE_WORDS = 24
_NEW_WORDS = ("no new word", "up to a tenth", "up to a quarter", "more than a quarter")
_LIMITS = (0.0, 0.1, 0.25)


def label_sections(answers: Sequence[LabelAnswer], context: Context) -> list[Section]:
    """Return the sections."""
    judged = [judgement for i, answer in enumerate(answers) for judgement in _judgements(i, answer)]
    n_errors = Counter(each.record for each in judged if each.gold != each.predicted)
    drawings = {"records": _record_example, "nodes": _tree_example}
    draw = drawings.get(context.of, _example)
    pairs = [(each.gold, each.predicted) for each in judged]
    note = "Rows are gold labels, columns predicted ones; the shade is the share of the row."
    return [
        confusion_section(pairs, note=note),
        _familiarity(answers, judged, context),
        _lengths(answers, judged, of=context.of),
        worst_section(answers, [n_errors[i] for i in range(len(answers))], lambda i: draw(answers[i], n_errors[i]), context),
        calibration_section([(j.confidence, j.gold == j.predicted) for j in judged], what=f"labels of {context.of}"),
        suspects_section(judged, answers),
    ]


def _judgements(record: int, answer: LabelAnswer) -> list[Judgement]:
    places = zip(answer.gold, answer.predicted, answer.confidences, answer.places, strict=True)
    return [Judgement(record, gold, label, p, *place) for gold, label, p, place in places if gold is not None]


def _familiarity(answers: Sequence[LabelAnswer], judged: Sequence[Judgement], context: Context) -> Section:
    title, training, of = "Seen and unseen words", context.training, context.of
    if isinstance(training, str):
        return Section(title, [Paragraph(training)])
    shares = [_NEW_WORDS[bisect_left(_LIMITS, training.share_of_new_words(answer.tokens))] for answer in answers]
    blocks: list[Block] = []
    if of in ("steps", "segments"):
        by_place = _counted(judged, lambda each: _of_place(training, answers[each.record], each))
        note = "Accuracy by whether the training records have the same words (compared exactly) with a label."
        blocks += [Paragraph(note), shares_table(by_place, order=FAMILIARITIES, what="in training", of=of)]
    else:
        blocks.append(Paragraph("Accuracy by the share of the record's words that do not occur in the training records."))
    by_record = _counted(judged, lambda each: shares[each.record])
    return Section(title, [*blocks, shares_table(by_record, order=_NEW_WORDS, what="new words of the record", of=of)])


def _of_place(training: Training, answer: LabelAnswer, place: Judgement) -> str:
    # Judgements of this section have gold labels; `or` is for the type checker.
    return training.familiarity(answer.tokens[place.start : place.end], place.gold or "")


def _lengths(answers: Sequence[LabelAnswer], judged: Sequence[Judgement], *, of: str) -> Section:
    # Records without tokens, such as recordings, are as long as their last place.
    lengths = [len(answer.tokens) or max((end for _, end in answer.places), default=0) for answer in answers]
    by_record = _counted(judged, lambda each: length_class(lengths[each.record]))
    blocks = [shares_table(by_record, what="steps of the record", of=of)]
    if of in ("segments", "nodes"):
        by_place = _counted(judged, lambda each: length_class(each.end - each.start))
        blocks.append(shares_table(by_place, what=f"steps of the {of[:-1]}", of=of))
    return Section("By length", blocks)


def _counted(judged: Sequence[Judgement], name: Callable[[Judgement], str]) -> dict[str, list[bool]]:
    """Return whether each judgement is right, by its class."""
    counts: dict[str, list[bool]] = defaultdict(list)
    for each in judged:
        counts[name(each)].append(each.gold == each.predicted)
    return counts


def _example(answer: LabelAnswer, n_errors: int) -> Example:
    wrong = [each for each in _judgements(0, answer) if each.gold != each.predicted]
    gold = [Mark(each.start, each.end, each.gold or "", "plain") for each in wrong]
    predicted = [Mark(each.start, each.end, f"{each.predicted} {each.confidence:.2f}", "wrong") for each in wrong]
    lines = [cut_line("gold", answer.tokens, gold), cut_line("predicted", answer.tokens, predicted)]
    return Example(answer.id, lines, f"{counted(n_errors, 'error')} of {len(answer.predicted)}")


def _record_example(answer: LabelAnswer, n_errors: int) -> Example:
    return record_example(answer, f"gold: {answer.gold[0]}; predicted: {answer.predicted[0]} ({answer.confidences[0]:.2f})")


def _tree_example(answer: LabelAnswer, n_errors: int) -> Example:
    note = f"{counted(n_errors, 'error')} of {len(answer.predicted)} nodes"
    if len(answer.tokens) > MAX_TREE_WORDS:
        return Example(answer.id, [Line("record", answer.tokens)], f"{note}; the tree is too wide to draw")
    tree = Tree(answer.tokens, answer.places, answer.predicted, answer.confidences, answer.gold)
    return Example(answer.id, [], note, tree)
