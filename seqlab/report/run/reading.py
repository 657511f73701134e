"""Read the answers of a run, in the shapes that its heads declare."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from seqlab.data.multitask.data_sets import score_names, set_configs
from seqlab.heads import Head
from seqlab.heads.parts.answers import Answer, Answered
from seqlab.model.bundle import Bundle
from seqlab.runs.run import AnsweredRecord, FinishedRun

SPLIT = "test"


@final
@dataclass(frozen=True)
class HeadAnswers:
    """The answers of one head to the records of one data set."""

    head: Head
    name: str
    """Name of its scores."""
    data_set: str
    answers: Sequence[Answer] | None
    """None where reports cannot show them beside the gold labels."""
    n_records: int
    """Records with an answer."""
    scores: Mapping[str, Any]
    n_partial: int
    """Records annotated in part, which span analyses leave out."""
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
    answered = [Answered(str(r.id), r.tokens, r.gold[key], r.predictions[key]) for r in records]
    answers = head.shown(answered)
    n_shown = len(records) if answers is None else len(answers)
    is_of_nodes = head.is_per_step and not bundle.labeler.encoder.keeps_steps
    return HeadAnswers(head, name, data_set, answers, n_shown, scores, len(records) - n_shown, is_of_nodes)


def _scores(run: FinishedRun, name: str) -> Mapping[str, Any]:
    """Return the scores of a head; a single head has no name among them."""
    scores: Mapping[str, Any] = run.metrics.get(SPLIT, {})
    inner = scores.get(name)
    return inner if isinstance(inner, Mapping) else scores
