"""Sections on a head that labels given places: steps, segments, nodes of trees, or whole records."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from seqlab.report.analysis.answers import LabelAnswer
from seqlab.report.analysis.counting import in_order, length_class
from seqlab.report.analysis.familiarity import FAMILIARITIES, Training
from seqlab.report.analysis.suspects import Judgement
from seqlab.report.document.charts import Tree
from seqlab.report.document.model import Block, Example, Line, Mark, Paragraph, Section
from seqlab.report.run.examples import cut_line, errors_in_words, worst_section
from seqlab.report.run.tables import calibration_section, confusion_section, shares_table, suspects_section

MAX_TREE_WORDS = 24
_NEW_WORDS = ("no new word", "up to a tenth", "up to a quarter", "more than a quarter")
_LIMITS = (0.0, 0.1, 0.25)


def label_sections(
    answers: Sequence[LabelAnswer], *, training: Training | str, of: str, is_of_nodes: bool, n_examples: int, where: str
) -> list[Section]:
    """Return what there is to say; `of` names what is labelled, and `training` is what it has shown, or why it is not known."""
    judgements = list(_judgements(answers))
    pairs = [(judgement.gold, judgement.said) for judgement in judgements]
    is_right = [gold == said for gold, said in pairs]
    told = "Rows are gold labels, columns what was said; shades are shares of the row."
    draw = _tree_example if is_of_nodes else _record_example if of == "records" else _example
    return [
        confusion_section(pairs, told=told),
        _familiarity(answers, training, of=of, has_places=of in ("steps", "segments")),
        _lengths(answers, of=of),
        worst_section(answers, n_errors=_n_errors, example=draw, n_shown=n_examples, where=where),
        calibration_section([judgement.sure for judgement in judgements], is_right, what=f"labels of {of}"),
        suspects_section(judgements, answers),
    ]


def _judgements(answers: Sequence[LabelAnswer]) -> Iterable[Judgement]:
    for i, answer in enumerate(answers):
        for gold, said, sure, place in zip(answer.gold, answer.said, answer.sure, answer.places, strict=True):
            if gold is not None:
                yield Judgement(i, gold, said, sure, *place)


def _n_errors(answer: LabelAnswer) -> int:
    return sum(gold is not None and gold != said for gold, said in zip(answer.gold, answer.said, strict=True))


def _familiarity(answers: Sequence[LabelAnswer], training: Training | str, *, of: str, has_places: bool) -> Section:
    title = "Seen and unseen words"
    if isinstance(training, str):
        return Section(title, [Paragraph(training)])
    by_record = _counted(answers, lambda answer, place: _share_class(training.share_of_new_words(answer.tokens)))
    blocks: list[Block] = []
    if has_places:
        by_place = _counted(answers, lambda answer, i: _place_class(training, answer, i))
        told = "By what the training records, read again, have of the same words, spelt exactly so, as a place with a label."
        blocks += [Paragraph(told), shares_table(by_place, order=FAMILIARITIES, what="in training", of=of)]
    else:
        blocks.append(Paragraph("By the share of the record's words that the training records, read again, do not have."))
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
        for i, (gold, said) in enumerate(zip(answer.gold, answer.said, strict=True)):
            if gold is not None:
                counts[name(answer, i)].append(gold == said)
    return counts


def _example(answer: LabelAnswer) -> Example:
    gold, said = list[Mark](), list[Mark]()
    for (start, end), right, label, sure in zip(answer.places, answer.gold, answer.said, answer.sure, strict=True):
        if right is not None and right != label:
            gold.append(Mark(start, end, right, "plain"))
            said.append(Mark(start, end, f"{label} {sure:.2f}", "wrong"))
    lines = [cut_line("gold", answer.tokens, gold), cut_line("said", answer.tokens, said)]
    return Example(answer.id, lines, note=f"{errors_in_words(len(gold))} of {len(answer.said)}")


def _record_example(answer: LabelAnswer) -> Example:
    told = f"{answer.gold[0]} in gold; said: {answer.said[0]} ({answer.sure[0]:.2f})"
    return Example(answer.id, [cut_line("record", answer.tokens, [])] if answer.tokens else [], note=told)


def _tree_example(answer: LabelAnswer) -> Example:
    note = f"{errors_in_words(_n_errors(answer))} of {len(answer.said)} nodes"
    if len(answer.tokens) <= MAX_TREE_WORDS:
        tree = Tree(answer.tokens, answer.places, answer.said, answer.sure, answer.gold)
        return Example(answer.id, [], note=note, chart=tree)
    return Example(answer.id, [Line("record", answer.tokens, [])], note=f"{note}; too many words to draw the tree")
