"""A head that no other part knows appears in reports and comparisons by what it declares."""

import sys
from collections.abc import Iterator, Mapping

import pytest
import torch

from seqlab.config.build import known_targets
from seqlab.heads import Head
from seqlab.report.document.model import Paragraph, Table
from seqlab.report.run import run_report
from seqlab.runs.comparison import compare, record_counts
from seqlab.runs.run import FinishedRun
from seqlab.testing.ragged import ragged_steps
from seqlab.testing.records import bare_batch
from seqlab.testing.runs import train_small, write_corpus
from seqlab.training.train import Run
from seqlab.types import Prediction

TARGET = "nearest_head.Nearest"
FILE = '''
from torch import nn

from seqlab.data.fields import NO_TARGET, LabelField
from seqlab.heads import Head
from seqlab.heads.distributions import Choice
from seqlab.heads.parts.answers import SetAnswer
from seqlab.heads.parts.counts import Counted
from seqlab.metrics.significance import share


class Nearest(Head):
    """The label whose vector is most like the mean of the steps, with a score that seqlab does not have."""

    def __init__(self, *, target: LabelField, input_width: int, summary_width: int) -> None:
        super().__init__()
        self.target = target
        self.vectors = nn.Linear(input_width, len(target.labels), bias=False)

    main_metric = "closeness"

    def loss(self, steps, batch):
        return nn.functional.cross_entropy(self._logits(steps), batch.tensor(self.target), ignore_index=NO_TARGET)

    def distribution(self, steps, batch):
        return Choice(self._logits(steps), self.target.labels)

    def gold(self, columns):
        strings = columns.strings(self.target.column)
        return [strings.distinct[code] for code in strings.codes.values]

    def score(self, gold, predictions):
        n_right = sum(one.labels == [label] for label, one in zip(gold, predictions, strict=True))
        per_mood = {"ask": {"precision": 0.5, "recall": 0.25, "f1": 1 / 3, "support": 2}}
        return {"closeness": n_right / max(1, len(gold)), "per_mood": per_mood}

    @classmethod
    def counted(cls, target):
        return [Counted(share(f"closeness of {target.column}"), lambda gold, said: (float(said.labels == [gold]), 1.0))]

    def shown(self, records):
        return [SetAnswer(r.id, r.tokens or [], [r.gold], r.prediction.labels, r.prediction.confidences) for r in records]

    def _logits(self, steps):
        return self.vectors(steps.zero_padded().values.sum(1) / steps.lengths.clamp(min=1).unsqueeze(1))
'''


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Run]]:
    """Yield two runs of the head, while the working folder has its file."""
    root = tmp_path_factory.mktemp("declarations")
    (root / "nearest_head.py").write_text(FILE, encoding="utf-8")
    words = ["head=[sequence]", f"heads.label._target_={TARGET}"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setattr(sys, "path", [entry for entry in sys.path if entry])
        data = write_corpus(root / "data")
        yield {str(seed): train_small(data, root / str(seed), [*words, f"seed={seed}"]) for seed in (1, 2)}
    del sys.modules["nearest_head"]


def test_a_new_head_is_shown_in_a_report(runs: Mapping[str, Run]) -> None:
    document = run_report(FinishedRun(runs["1"].folder), n_examples=2, allow=[TARGET])
    found = {section.title: section for _, section in document.walk()}
    (told,) = [block.text for block in found["Head label"].blocks if isinstance(block, Paragraph)]
    assert told == "Nearest, on 4 test records."
    assert {"Scores", "Scores by mood", "Errors by kind", "Worst records"} <= set(found)
    (of_moods,) = [block for block in found["Scores by mood"].blocks if isinstance(block, Table)]
    assert [row[0] for row in of_moods.rows] == ["ask"]


def test_a_new_head_is_compared_by_its_own_score(runs: Mapping[str, Run], monkeypatch: pytest.MonkeyPatch) -> None:
    installed = known_targets() | {TARGET}  # as if a plugin had brought it
    monkeypatch.setattr(sys.modules[record_counts.__module__], "known_targets", lambda: installed)
    found = compare([run.folder for run in runs.values()], n_resamples=100, seed=1)
    (finding,) = found.findings
    assert (finding.head, finding.score) == ("label", "closeness of label")
    first, second = (run.metrics["test"]["closeness"] for run in runs.values())
    assert finding.records is not None
    assert finding.records.difference == pytest.approx(first - second)


class Predicting(Head):
    """A head from before distributions: it overrides `predict`."""

    main_metric = "accuracy"

    def loss(self, steps, batch):
        return torch.zeros(())

    def gold(self, columns):
        return columns.lists("label")

    def score(self, gold, predictions):
        return {"accuracy": 1.0}

    def predict(self, steps, batch, *, use_confidences, n_best=0, use_entropy=False):
        return [Prediction(["ask"], [1.0]) for _ in steps.lengths]


def test_a_head_without_a_distribution_may_override_predict() -> None:
    steps = ragged_steps(3)
    head = Predicting()
    assert head.predict(steps, bare_batch(steps), use_confidences=True)[0].labels == ["ask"]
    with pytest.raises(NotImplementedError, match="Predicting defines no distribution; define it, or override predict"):
        head.distribution(steps, bare_batch(steps))
