"""Label scores against scikit-learn, and by hand."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_recall_fscore_support
from sklearn.preprocessing import MultiLabelBinarizer

from seqlab.errors import DataError
from seqlab.metrics import classification_scores, multilabel_scores, tag_accuracy

LABEL = st.sampled_from("abcd")
LABELS = st.frozensets(LABEL)


@settings(max_examples=40)
@given(rows=st.lists(st.tuples(LABEL, LABEL), min_size=1))
def test_classification_scores_equal_sklearn(rows: list[tuple[str, str]]) -> None:
    gold, predicted = [row[0] for row in rows], [row[1] for row in rows]
    scores = classification_scores(gold, predicted)
    labels = sorted({*gold, *predicted})
    expected = precision_recall_fscore_support(gold, predicted, labels=labels, average=None, zero_division=0)
    assert list(scores["per_label"]) == labels
    for label, *values in zip(labels, *expected, strict=True):
        assert list(scores["per_label"][label].values()) == pytest.approx(values), label
    macro = f1_score(gold, predicted, labels=sorted(set(gold)), average="macro", zero_division=0)
    assert scores["macro_f1"] == pytest.approx(macro)
    assert scores["accuracy"] == sum(a == b for a, b in rows) / len(rows)
    assert scores["majority_accuracy"] == max(map(gold.count, gold)) / len(rows)


def test_macro_f1_leaves_out_labels_that_gold_lacks() -> None:
    scores = classification_scores(["a", "a", "b"], ["a", "c", "b"])
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 1) / 2)
    assert scores["per_label"]["c"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    assert scores["majority_accuracy"] == pytest.approx(2 / 3)


@settings(max_examples=40)
@given(rows=st.lists(st.tuples(LABELS, LABELS), min_size=1))
def test_multilabel_scores_equal_sklearn(rows: list[tuple[frozenset[str], frozenset[str]]]) -> None:
    gold, predicted = [row[0] for row in rows], [row[1] for row in rows]
    coder = MultiLabelBinarizer(classes=list("abcd"))
    coded = coder.fit_transform(gold), coder.fit_transform(predicted)
    scores = multilabel_scores(gold, predicted)
    assert scores["micro_f1"] == pytest.approx(f1_score(*coded, average="micro", zero_division=0))
    f1s = dict(zip("abcd", f1_score(*coded, average=None, zero_division=0), strict=True))
    in_gold = sorted(frozenset().union(*gold))
    assert scores["macro_f1"] == pytest.approx(sum(f1s[label] for label in in_gold) / max(1, len(in_gold)))
    assert {label: row["f1"] for label, row in scores["per_label"].items()} == pytest.approx(
        {label: f1s[label] for label in sorted(frozenset().union(*gold, *predicted))}
    )
    assert scores["subset_accuracy"] == sum(a == b for a, b in rows) / len(rows)


def test_multilabel_scores_ignore_order_and_repetition() -> None:
    scores = multilabel_scores([["a", "b"], []], [["b", "a", "b"], ["c"]])
    assert scores["subset_accuracy"] == 0.5
    assert scores["micro_f1"] == pytest.approx(2 * (2 / 3) / (2 / 3 + 1))
    assert scores["per_label"]["a"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1}


def test_multilabel_scores_refuse_a_bare_string() -> None:
    with pytest.raises(DataError, match=r"record 1: labels are 'sports'; .* write \['sports'\]"):
        multilabel_scores([["a"], "sports"], [["a"], ["b"]])


def test_tag_accuracy_counts_steps() -> None:
    scores = tag_accuracy([["N", "V", "N"], [], ["V"]], [["N", "N", "N"], [], ["V"]])
    assert scores["accuracy"] == 0.75
    assert scores["per_tag"]["V"] == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2}
    assert json.loads(json.dumps(scores)) == scores


def test_scores_of_nothing_are_zero() -> None:
    nothing = {"accuracy": 0.0, "macro_f1": 0.0, "majority_accuracy": 0.0, "per_label": {}}
    assert classification_scores([], []) == nothing
    assert multilabel_scores([], []) == {"micro_f1": 0.0, "macro_f1": 0.0, "subset_accuracy": 0.0, "per_label": {}}
    assert tag_accuracy([[]], [[]]) == {"accuracy": 0.0, "per_tag": {}}


def test_scores_refuse_records_that_do_not_match() -> None:
    with pytest.raises(DataError, match="predicted has 1 records; expected 2"):
        classification_scores(["a", "b"], ["a"])
    with pytest.raises(DataError, match="predicted has 0 records; expected 1"):
        multilabel_scores([["a"]], [])
    with pytest.raises(DataError, match="record 1: predicted has 3 steps; expected 1"):
        tag_accuracy([["a"], ["a"]], [["a"], ["a", "b", "c"]])
