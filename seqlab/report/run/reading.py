"""The answers of a run in the shape that its heads give them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from seqlab.data.multitask.data_sets import score_names, set_configs
from seqlab.data.schemes.partial import open_tags
from seqlab.heads import BiaffineSpanHead, Head, LabelHead, MultiLabelHead, SegmentHead, TagHead, TemporalHead
from seqlab.heads.parts.span_views import spans_of
from seqlab.metrics import closest_references
from seqlab.model.bundle import Bundle
from seqlab.report.analysis.answers import Answer, LabelAnswer, SequenceAnswer, SetAnswer, SpanAnswer
from seqlab.runs.run import AnsweredRecord, FinishedRun
from seqlab.types import Prediction, Span

SPLIT = "test"


@final
@dataclass(frozen=True)
class HeadAnswers:
    """What one head said of the records of one data set."""

    head: Head
    name: str
    """As its scores are named."""
    data_set: str
    answers: Sequence[Answer] | None
    """None for a head of a kind that reports cannot show beside what is right."""
    n_records: int
    """Records that its scores are of."""
    scores: Mapping[str, Any]
    n_partial: int
    """Records that are annotated in part only, which span analyses leave out."""
    is_of_nodes: bool
    """Whether it labels the nodes of trees."""


def head_answers(run: FinishedRun, bundle: Bundle) -> Iterator[HeadAnswers]:
    """Yield the answers of every head on every data set of the test split."""
    heads = bundle.labeler.heads
    configs = set_configs(run.config["data"])
    names = score_names({name: config.get("heads", list(heads)) for name, config in configs.items()})
    for data_set in run.data_sets(SPLIT):
        records = list(run.answers(SPLIT, data_set=data_set))
        for key, head in heads.items():
            of_head = [record for record in records if key in record.gold and key in record.predictions]
            if of_head:
                name = names[data_set].get(key, key)
                yield _read(head, of_head, key=key, name=name, data_set=data_set, scores=_scores(run, name), bundle=bundle)


def _read(
    head: Head,
    records: Sequence[AnsweredRecord],
    *,
    key: str,
    name: str,
    data_set: str,
    scores: Mapping[str, Any],
    bundle: Bundle,
) -> HeadAnswers:
    answer_of = _answer_of(head, records, key=key)
    is_of_nodes = isinstance(head, TagHead) and not bundle.labeler.encoder.keeps_steps
    if answer_of is None:
        return HeadAnswers(head, name, data_set, None, len(records), scores, 0, is_of_nodes)
    found = [answer_of(record, record.gold[key], record.predictions[key]) for record in records]
    answers = [answer for answer in found if answer is not None]
    return HeadAnswers(head, name, data_set, answers, len(answers), scores, len(found) - len(answers), is_of_nodes)


def _scores(run: FinishedRun, name: str) -> Mapping[str, Any]:
    """Return the scores of a head: one that is alone has no name among them."""
    scores: Mapping[str, Any] = run.metrics.get(SPLIT, {})
    inner = scores.get(name)
    return inner if isinstance(inner, Mapping) else scores


_Reader = Callable[[AnsweredRecord, Any, Prediction], Answer | None]


def _answer_of(head: Head, records: Sequence[AnsweredRecord], *, key: str) -> _Reader | None:
    """Return what makes an answer of a record, gold and prediction; None for a head of a kind that reports do not know."""
    if isinstance(head, TagHead):
        left_open = open_tags([record.gold[key] for record in records], head.target.readings)
        return _tag_spans(head, left_open) if head.target.span_scheme else _tags(head, left_open)
    match head:
        case SegmentHead():
            return _segments
        case BiaffineSpanHead():
            return _spans
        case LabelHead():
            return _label
        case MultiLabelHead():
            return _labels
        case TemporalHead():
            return _sequence
    return None


def _tag_spans(head: TagHead, left_open: set[str]) -> _Reader:
    scheme = head.target.span_scheme
    assert scheme is not None

    def read(record: AnsweredRecord, gold: Any, said: Prediction) -> SpanAnswer | None:
        if left_open.intersection(gold):
            return None
        found = scheme.spans(said.labels)
        sure = said.sureness(found) if said.confidences else []
        tokens = _tokens(record, len(gold))
        return SpanAnswer(str(record.id), tokens, scheme.spans(gold), found, sure, said.confidences)

    return read


def _tags(head: TagHead, left_open: set[str]) -> _Reader:
    def right(tag: str, guess: str) -> str | None:
        readings = head.target.readings(tag) if tag in left_open else [tag]
        return guess if guess in readings else next(iter(readings), None)

    def read(record: AnsweredRecord, gold: Any, said: Prediction) -> LabelAnswer:
        places = said.bounds or [(i, i + 1) for i in range(len(said.labels))]
        labels = [right(tag, guess) for tag, guess in zip(gold, said.labels, strict=True)]
        return LabelAnswer(str(record.id), _tokens(record, _reach(places)), places, labels, said.labels, said.confidences)

    return read


def _segments(record: AnsweredRecord, gold: Any, said: Prediction) -> LabelAnswer:
    places = said.bounds or []
    return LabelAnswer(str(record.id), _tokens(record, _reach(places)), places, gold, said.labels, said.confidences)


def _spans(record: AnsweredRecord, gold: Any, said: Prediction) -> SpanAnswer:
    right = {Span(start, end, label) for (start, end), label in gold if label is not None}
    found = spans_of(said)
    tokens = _tokens(record, _reach([span[:2] for span in (*right, *found)]))
    return SpanAnswer(str(record.id), tokens, sorted(right), found, said.confidences)


def _label(record: AnsweredRecord, gold: Any, said: Prediction) -> LabelAnswer:
    tokens = record.tokens or []
    return LabelAnswer(str(record.id), tokens, [(0, len(tokens))], [gold], said.labels, said.confidences)


def _labels(record: AnsweredRecord, gold: Any, said: Prediction) -> SetAnswer:
    return SetAnswer(str(record.id), record.tokens or [], gold, said.labels, said.confidences)


def _sequence(record: AnsweredRecord, gold: Any, said: Prediction) -> SequenceAnswer:
    (right,) = closest_references([gold], [said.labels])
    return SequenceAnswer(str(record.id), record.tokens or [], right, said.labels, said.confidences, said.bounds or [])


def _tokens(record: AnsweredRecord, n_steps: int) -> Sequence[str]:
    """Return the tokens, or the numbers of steps that have none."""
    return [str(i + 1) for i in range(n_steps)] if record.tokens is None else record.tokens


def _reach(places: Sequence[tuple[int, int]]) -> int:
    return max((end for _, end in places), default=0)
