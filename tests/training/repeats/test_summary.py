"""The summary over repetitions."""

from pathlib import Path

from seqlab.training.repeats.plan import Repetition
from seqlab.training.repeats.summary import summary
from seqlab.training.repeats.workers import ERROR


def test_a_repetition_that_was_killed_while_it_wrote_its_error_has_failed(tmp_path: Path) -> None:
    (tmp_path / "seed_1").mkdir()
    (tmp_path / "seed_1" / ERROR).write_text("", encoding="utf-8")
    (one,) = summary([Repetition(seed=1, fold=None, folder=tmp_path / "seed_1")], n_folds=None, mode="max")["repetitions"]
    assert (one["status"], one["error"]) == ("failed", "killed before it could say why")
