"""Sections for heads that label given places: steps, segments, tree nodes or whole records."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from seqlab.report.analysis.answers import LabelAnswer
from seqlab.report.analysis.counting import in_order, length_class
from seqlab.report.analysis.familiarity import FAMILIARITIES, Training
from seqlab.report.analysis.suspects import Judgement
from seqlab.report.document.charts import Tree
from seqlab.report.document.model import Block, Example, Line, Mark, Paragraph, Section
from seqlab.report.run.examples import counted, cut_line, worst_section
from seqlab.report.run.tables import calibration_section, confusion_section, shares_table, suspects_section

MAX_TREE_WORDS = 24
_NEW_WORDS = ("no new word", "up to a tenth", "up to a quarter", "more than a quarter")
_LIMITS = (0.0, 0.1, 0.25)


def label_sections(
    answers: Sequence[LabelAnswer], *, training: Training | str, of: str, is_of_nodes: bool, n_examples: int, where: str
) -> list[Section]:
    """Return the sections; `of` names the labelled items, and `training` is a message if the data cannot be read."""
    judgements = list(_judgements(answers))
    pairs = [(judgement.gold, judgement.predicted) for judgement in judgements]
    is_right = [gold == predicted for gold, predicted in pairs]
    note = "Rows are gold labels, columns predicted ones; the shade is the share of the row."
    draw = _tree_example if is_of_nodes else _record_example if of == "records" else _example
    return [
        confusion_section(pairs, note=note),
        _familiarity(answers, training, of=of, has_places=of in ("steps", "segments")),
        _lengths(answers, of=of),
        worst_section(answers, n_errors=_n_errors, example=draw, n_shown=n_examples, where=where),
        calibration_section([judgement.confidence for judgement in judgements], is_right, what=f"labels of {of}"),
        suspects_section(judgements, answers),
    ]


def _judgements(answers: Sequence[LabelAnswer]) -> Iterable[Judgement]:
    for i, answer in enumerate(answers):
        for gold, predicted, confidence, place in zip(
            answer.gold, answer.predicted, answer.confidences, answer.places, strict=True
        ):
            if gold is not None:
                yield Judgement(i, gold, predicted, confidence, *place)


def _n_errors(answer: LabelAnswer) -> int:
    return sum(gold is not None and gold != predicted for gold, predicted in zip(answer.gold, answer.predicted, strict=True))


def _familiarity(answers: Sequence[LabelAnswer], training: Training | str, *, of: str, has_places: bool) -> Section:
    title = "Seen and unseen words"
    if isinstance(training, str):
        return Section(title, [Paragraph(training)])
    by_record = _counted(answers, lambda answer, place: _share_class(training.share_of_new_words(answer.tokens)))
    blocks: list[Block] = []
    if has_places:
        by_place = _counted(answers, lambda answer, i: _place_class(training, answer, i))
        note = "Accuracy by whether the training records have the same words (compared exactly) with a label."
        blocks += [Paragraph(note), shares_table(by_place, order=FAMILIARITIES, what="in training", of=of)]
    else:
        blocks.append(Paragraph("Accuracy by the share of the record's words that do not occur in the training records."))
    blocks.append(shares_table(by_record, order=_NEW_WORDS, what="new words of the record", of=of))
    return Section(title, blocks)


def _share_class(share: float) -> str:
    return next((name for name, limit in zip(_NEW_WORDS, _LIMITS, strict=False) if share <= limit), _NEW_WORDS[-1])


def _place_class(training: Training, answer: LabelAnswer, place: int) -> str:
    start, end = answer.places[place]
    return training.familiarity(answer.tokens[start:end], answer.gold[place] or "")


def _lengths(answers: Sequence[LabelAnswer], *, of: str) -> Section:
    by_record = _counted(answers, lambda answer, place: length_class(len(answer.tokens) or _reach(answer)))
    blocks: list[Block] = [shares_table(by_record, order=in_order(by_record), what="steps of the record", of=of)]
    if of in ("segments", "nodes"):
        by_place = _counted(answers, lambda answer, i: length_class(answer.places[i][1] - answer.places[i][0]))
        blocks.append(shares_table(by_place, order=in_order(by_place), what=f"steps of the {of[:-1]}", of=of))
    return Section("By length", blocks)


def _reach(answer: LabelAnswer) -> int:
    return max((end for _, end in answer.places), default=0)


def _counted(answers: Sequence[LabelAnswer], name: Callable[[LabelAnswer, int], str]) -> dict[str, list[bool]]:
    counts: dict[str, list[bool]] = defaultdict(list)
    for answer in answers:
        for i, (gold, predicted) in enumerate(zip(answer.gold, answer.predicted, strict=True)):
            if gold is not None:
                counts[name(answer, i)].append(gold == predicted)
    return counts


def _example(answer: LabelAnswer) -> Example:
    gold, predicted = list[Mark](), list[Mark]()
    for (start, end), right, label, confidence in zip(
        answer.places, answer.gold, answer.predicted, answer.confidences, strict=True
    ):
        if right is not None and right != label:
            gold.append(Mark(start, end, right, "plain"))
            predicted.append(Mark(start, end, f"{label} {confidence:.2f}", "wrong"))
    lines = [cut_line("gold", answer.tokens, gold), cut_line("predicted", answer.tokens, predicted)]
    return Example(answer.id, lines, note=f"{counted(len(gold), 'error')} of {len(answer.predicted)}")


def _record_example(answer: LabelAnswer) -> Example:
    note = f"gold: {answer.gold[0]}; predicted: {answer.predicted[0]} ({answer.confidences[0]:.2f})"
    return Example(answer.id, [cut_line("record", answer.tokens, [])] if answer.tokens else [], note=note)


def _tree_example(answer: LabelAnswer) -> Example:
    note = f"{counted(_n_errors(answer), 'error')} of {len(answer.predicted)} nodes"
    if len(answer.tokens) <= MAX_TREE_WORDS:
        tree = Tree(answer.tokens, answer.places, answer.predicted, answer.confidences, answer.gold)
        return Example(answer.id, [], note=note, chart=tree)
    return Example(answer.id, [Line("record", answer.tokens, [])], note=f"{note}; the tree is too wide to draw")
