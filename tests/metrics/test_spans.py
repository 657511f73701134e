"""Span scores against seqeval."""

import json
import random
import warnings
from typing import Any

import pytest
from seqeval.metrics import accuracy_score, classification_report, f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as default_scores
from seqeval.metrics.v1 import precision_recall_fscore_support as strict_scores
from seqeval.scheme import BILOU, IOB1, IOB2, IOBES, Entities

from seqlab.data.schemes import SCHEME_NAMES, get_scheme
from seqlab.errors import ConfigError, DataError
from seqlab.metrics import span_scores, tag_accuracy

# Every scheme of ours. seqeval has no IO; on tags without B its IOB1 reads the same runs. Its IOE1 and IOE2 are none of ours.
STRICT = {"IOB1": IOB1, "BIO": IOB2, "BIOES": IOBES, "BILOU": BILOU, "IO": IOB1}
MICRO = ("span_f1", "precision", "recall", "support")
LABELS = ["PER", "creative-work", "a-", "_"]

Corpus = list[list[str]]


def seqeval_scores(gold: Corpus, predicted: Corpus, *, scheme: str) -> dict[str, Any]:
    """Return what seqeval knows of `span_scores`, computed by seqeval."""
    kind = STRICT[scheme]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        default = default_scores(gold, predicted, average="micro")
    strict = strict_scores(gold, predicted, average="micro", scheme=kind, zero_division=0)
    by_type = strict_scores(gold, predicted, average=None, scheme=kind, zero_division=0)
    labels = sorted(Entities(gold, kind).unique_tags | Entities(predicted, kind).unique_tags)
    names = ["precision", "recall", "f1", "support"]
    return {
        "span_f1": {"strict": strict[2], "default": default[2]},
        "precision": {"strict": strict[0], "default": default[0]},
        "recall": {"strict": strict[1], "default": default[1]},
        "support": {"strict": strict[3], "default": default[3]},
        "per_type": {label: dict(zip(names, row, strict=True)) for label, *row in zip(labels, *by_type, strict=True)},
        "scheme": scheme,
    }


def known_to_seqeval(scores: dict[str, Any]) -> dict[str, Any]:
    """Return `scores` without partial credit."""
    modes = {name: {mode: scores[name][mode] for mode in ("strict", "default")} for name in MICRO}
    return modes | {name: scores[name] for name in ("per_type", "scheme")}


def random_corpus(dice: random.Random, *, scheme: str, n_sequences: int) -> tuple[Corpus, Corpus]:
    """Return gold tags, most of them no valid sequence, and predictions that differ from them here and there."""
    tags = get_scheme(scheme).tags_of(dice.sample(LABELS, 2))
    gold = [dice.choices(tags, k=dice.randint(0, 9)) for _ in range(n_sequences)]
    return gold, [[tag if dice.random() < 0.8 else dice.choice(tags) for tag in row] for row in gold]


@pytest.mark.parametrize("scheme", SCHEME_NAMES)
@pytest.mark.parametrize("n_corpora", [40, pytest.param(1_000, marks=pytest.mark.slow)])
def test_span_scores_equal_seqeval_on_small_corpora(scheme: str, n_corpora: int) -> None:
    dice = random.Random(0)
    for n_sequences in [1, 2, *[10] * n_corpora]:
        gold, predicted = random_corpus(dice, scheme=scheme, n_sequences=n_sequences)
        scores = span_scores(gold, predicted, scheme=scheme)
        assert known_to_seqeval(scores) == seqeval_scores(gold, predicted, scheme=scheme)


@pytest.mark.parametrize("scheme", SCHEME_NAMES)
@pytest.mark.parametrize("n_sequences", [500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_span_scores_equal_seqeval_on_one_large_corpus(scheme: str, n_sequences: int) -> None:
    gold, predicted = random_corpus(random.Random(1), scheme=scheme, n_sequences=n_sequences)
    scores = span_scores(gold, predicted, scheme=scheme)
    assert known_to_seqeval(scores) == seqeval_scores(gold, predicted, scheme=scheme)
    assert 0 < scores["span_f1"]["strict"] < 1


def test_scores_are_those_of_the_functions_of_seqeval() -> None:
    gold, predicted = [["B-a", "I-a", "O", "B-b"], ["O", "I-b"]], [["I-a", "I-a", "O", "B-b"], ["B-a", "I-b"]]
    scores, strictly = span_scores(gold, predicted, scheme="BIO"), {"mode": "strict", "scheme": IOB2}
    for name, function in (("span_f1", f1_score), ("precision", precision_score), ("recall", recall_score)):
        assert scores[name]["default"] == function(gold, predicted)
        assert scores[name]["strict"] == function(gold, predicted, **strictly)
    report = classification_report(gold, predicted, output_dict=True, zero_division=0, **strictly)
    for label, of_type in scores["per_type"].items():
        assert list(of_type.values()) == list(report[label].values())
    assert tag_accuracy(gold, predicted)["accuracy"] == accuracy_score(gold, predicted)


def test_span_scores_tell_strict_from_default() -> None:
    gold, predicted = [["B-a", "I-a", "O", "B-b"]], [["I-a", "I-a", "O", "B-b"]]
    scores = span_scores(gold, predicted, scheme="iob2")
    assert known_to_seqeval(scores)["recall"] == {"strict": 0.5, "default": 1.0}
    assert known_to_seqeval(scores)["precision"] == {"strict": 1.0, "default": 1.0}
    assert scores["per_type"] == {
        "a": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1},
        "b": {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1},
    }
    assert scores["scheme"] == "BIO"


@pytest.mark.parametrize("tags", [[], [[]], [["O", "O"], []]])
def test_span_scores_without_spans_are_zero(tags: Corpus) -> None:
    scores = span_scores(tags, tags, scheme="BIO")
    zeros = dict.fromkeys(("strict", "default", "exact", "partial", "type"), 0.0)
    assert scores["span_f1"] == scores["precision"] == scores["recall"] == zeros
    assert scores["per_type"] == {}


def test_span_scores_go_to_json() -> None:
    scores = span_scores([["B-a", "O"]], [["B-a", "B-b"]], scheme="BIO")
    assert json.loads(json.dumps(scores)) == scores


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        ([["O"]], [], "predicted has 0 records; expected 1"),
        ([["O"], ["O", "O"]], [["O"], ["O"]], "record 1: predicted has 1 steps; expected 2"),
        ([["O"], ["O"]], [["O"], ["S-a"]], "record 1: tag is 'S-a'; expected a tag of BIO"),
        ([["O"], ["NOUN"]], [["O"], ["O"]], "record 1: tag is 'NOUN'; expected a tag of BIO"),
    ],
)
def test_span_scores_name_the_record_that_is_wrong(gold: Corpus, predicted: Corpus, message: str) -> None:
    with pytest.raises(DataError, match=message):
        span_scores(gold, predicted, scheme="BIO")


def test_span_scores_refuse_an_unknown_scheme() -> None:
    with pytest.raises(ConfigError, match="scheme is 'BOI'"):
        span_scores([], [], scheme="BOI")
