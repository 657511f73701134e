"""Run folders compared: the right test for each score, sentences that say it, and records that must be the same."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqlab.errors import ConfigError, DataError
from seqlab.metrics import classification_scores
from seqlab.metrics.significance import corrected_paired_test, mcnemar, welch_test
from seqlab.runs.comparison import compare, sentence

Writer = Callable[..., Path]
N_RECORDS = 40
GOLD = [f"{'ab'[i % 2]}" for i in range(N_RECORDS)]


def answers(quality: float, *, seed: int) -> list[str]:
    is_right = np.random.default_rng(seed).random(N_RECORDS) < quality
    return [gold if right else "ba"[gold == "b"] for gold, right in zip(GOLD, is_right, strict=True)]


def write_run(folder: Path, said: Sequence[str], *, gold: Sequence[str] = GOLD, split: str = "test") -> Path:
    """Write what is read of a run of one head that labels records."""
    (folder / "predictions").mkdir(parents=True, exist_ok=True)
    lines = [
        {"id": i, "tokens": ["w"], "gold": {"label": g}, "predictions": {"label": {"labels": [s], "confidences": [1.0]}}}
        for i, (g, s) in enumerate(zip(gold, said, strict=True))
    ]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (folder / "predictions" / f"{split}.jsonl").write_text(text, encoding="utf-8")
    (folder / "config.yaml").write_text("heads: {label: {target: {_target_: x.LabelField}}}\n", encoding="utf-8")
    scores = classification_scores(list(gold), list(said))
    (folder / "metrics.json").write_text(json.dumps({"test": scores, "training": {}}), encoding="utf-8")
    return folder


def write_repeat(folder: Path, runs: dict[str, Sequence[str]]) -> Path:
    for name, said in runs.items():
        write_run(folder / name, said)
    states = [{"name": name, "status": "finished"} for name in runs]
    content: dict[str, Any] = {"format": 1, "folds": None, "repetitions": states, "metrics": {}, "out_of_fold": {}}
    (folder / "repeats.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_accuracy_of_labels_has_all_tests(tmp_path: Path) -> None:
    said = [answers(0.95, seed=1), answers(0.6, seed=2)]
    paths = [write_run(tmp_path / name, row) for name, row in zip("AB", said, strict=True)]
    found = compare(paths, n_resamples=2000, seed=1)
    (finding,) = found.findings
    right = [np.array([s == g for s, g in zip(row, GOLD, strict=True)]) for row in said]
    assert (finding.head, finding.score) == ("label", "accuracy")
    assert finding.records.difference == pytest.approx(right[0].mean() - right[1].mean())
    assert finding.decisions == mcnemar(right[0], right[1])
    errors = [1 - row.mean() for row in right]
    assert finding.relative_error_reduction == pytest.approx(1 - errors[0] / errors[1])
    assert finding.repetitions is None
    text = sentence(finding, comparison=found)
    assert text.startswith(
        f"{paths[0]} is better than {paths[1]} by {100 * finding.records.difference:.1f} points of accuracy (95 %"
    )
    assert "over 40 records: unlikely to be chance." in text


def test_the_better_run_is_named_first_and_its_interval_turned(tmp_path: Path) -> None:
    paths = [write_run(tmp_path / "A", answers(0.6, seed=2)), write_run(tmp_path / "B", answers(0.95, seed=1))]
    found = compare(paths, n_resamples=500, seed=1)
    low, high = found.findings[0].records.interval
    text = sentence(found.findings[0], comparison=found)
    assert text.startswith(f"{paths[1]} is better than {paths[0]} by")
    assert f"95 % interval {-100 * high:.1f} to {-100 * low:.1f}" in text


def test_a_run_is_no_better_than_itself(tmp_path: Path) -> None:
    path = write_run(tmp_path / "A", answers(0.7, seed=1))
    found = compare([path, path], n_resamples=100, seed=1)
    assert found.findings[0].p_adjusted == 1.0
    assert "have the same accuracy" in sentence(found.findings[0], comparison=found)


def test_a_difference_that_is_not_significant_is_called_so(tmp_path: Path) -> None:
    one = [*GOLD[:30], *("ba"[gold == "b"] for gold in GOLD[30:])]
    paths = [write_run(tmp_path / "A", one), write_run(tmp_path / "B", [*one[:39], GOLD[39]])]
    found = compare(paths, n_resamples=100, seed=1)
    text = sentence(found.findings[0], comparison=found)
    # of one record that differs, both exchanges have a difference as large
    assert text.startswith(f"No significant difference (2.5 points, p = 1) between {paths[0]} and {paths[1]} in accuracy (")
    assert "better" not in text
    assert "chance" not in text


def test_several_runs_are_corrected_by_holm(tmp_path: Path) -> None:
    paths = [write_run(tmp_path / str(i), answers(q, seed=i)) for i, q in enumerate((0.9, 0.6, 0.75))]
    found = compare(paths, n_resamples=999, seed=1)
    p_values = [finding.records.p_value for finding in found.findings]
    assert [finding.b for finding in found.findings] == [str(path) for path in paths[1:]]
    assert [finding.p_adjusted for finding in found.findings] == pytest.approx(
        [2 * min(p_values), max(2 * min(p_values), max(p_values))]
    )
    assert "by Holm's correction" in sentence(found.findings[0], comparison=found)


def test_repeated_runs_are_tested_over_seeds_as_well(tmp_path: Path) -> None:
    sides = [{f"seed_{s}": answers(q, seed=10 * i + s) for s in range(3)} for i, q in enumerate((0.9, 0.7))]
    paths = [write_repeat(tmp_path / str(i), side) for i, side in enumerate(sides)]
    (finding,) = compare(paths, n_resamples=500, seed=1).findings
    values = [[np.mean([s == g for s, g in zip(row, GOLD, strict=True)]) for row in side.values()] for side in sides]
    assert finding.repetitions == welch_test(*([float(v) for v in row] for row in values))
    assert finding.records.value_a == pytest.approx(np.mean(values[0]))
    assert finding.decisions is None
    assert finding.n_repetitions == (3, 3)


def test_chance_of_seeds_is_kept_apart(tmp_path: Path) -> None:
    wrong = ["ba"[gold == "b"] for gold in GOLD]
    a = write_repeat(tmp_path / "A", {"seed_1": GOLD, "seed_2": GOLD[:30] + wrong[30:]})
    b = write_repeat(tmp_path / "B", {"seed_1": GOLD, "seed_2": wrong[:30] + GOLD[30:]})
    found = compare([a, b], n_resamples=999, seed=1)
    assert found.findings[0].p_adjusted < 0.05
    assert not found.findings[0].is_beyond_chance
    seeds = found.findings[0].repetitions
    assert seeds is not None
    text = sentence(found.findings[0], comparison=found)
    assert text.startswith(f"No significant difference (25.0 points, p = {seeds.p_value:.3g} over seeds) between {tmp_path}")
    assert "p = 0.003 by approximate randomisation over 40 records" in text


def test_folds_are_paired(tmp_path: Path) -> None:
    from seqlab.data.folds import Fold

    sides, values = [answers(0.9, seed=1), answers(0.7, seed=2)], []
    for name, said in zip("AB", sides, strict=True):
        folder = write_run(tmp_path / name, said, split="out_of_fold_seed_5")
        for index in range(1, 5):
            rows = Fold(index, 4).rows(N_RECORDS, seed=5).tolist()
            write_run(folder / f"fold_{index}", [said[row] for row in rows], gold=[GOLD[row] for row in rows])
        states = [{"name": f"fold_{index}", "status": "finished"} for index in range(1, 5)]
        content = {"format": 1, "folds": 4, "repetitions": states, "metrics": {}, "out_of_fold": {"5": []}}
        (folder / "repeats.json").write_text(json.dumps(content), encoding="utf-8")
        right = np.array([s == g for s, g in zip(said, GOLD, strict=True)])
        values.append([float(right[Fold(index, 4).rows(N_RECORDS, seed=5)].mean()) for index in range(1, 5)])
    (finding,) = compare([tmp_path / "A", tmp_path / "B"], n_resamples=300, seed=1).findings
    assert finding.repetitions == corrected_paired_test(values[0], values[1], n_folds=4)
    assert finding.records.n_records == N_RECORDS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": 99}, r"record 3 \(id 2\) has 99 as id, but 2 in the first run"),
        ({"tokens": ["v"]}, r"record 3 \(id 2\) has \['v'\] as tokens"),
        ({"gold": {"label": "z"}}, r"record 3 \(id 2\) has 'z' as gold of label, but 'a' in the first run"),
        (None, "it has 39 records, but the first run 40; runs can only be compared on the same records"),
    ],
)
def test_other_records_are_named(tmp_path: Path, change: dict[str, Any] | None, message: str) -> None:
    paths = [write_run(tmp_path / name, answers(0.9, seed=1)) for name in "AB"]
    file = paths[1] / "predictions" / "test.jsonl"
    lines = file.read_text().splitlines()
    if change is None:
        lines.pop()
    else:
        lines[2] = json.dumps({**json.loads(lines[2]), **change})
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=message):
        compare(paths, n_resamples=10, seed=1)


@pytest.mark.parametrize(
    ("datas", "message"),
    [
        (
            [{"dir": "a", "splits": {"test": "x.conll"}}, {"dir": "b", "splits": {"test": "y.conll"}}],
            r"/B and .*/A were scored on different data: .*/B read the test split \(b/y.conll\), "
            r".*/A the test split \(a/x.conll\); record 1 \(id 0\) has",
        ),
        (
            [{"dir": "a", "splits": {"test": "x.conll"}}] * 2,
            r"both read the test split \(a/x.conll\), which has changed since, or was read with other settings; record 1",
        ),
        (
            [
                {"dir": None, "reader": {"_target_": "a.SampleReader"}, "splits": {"test": "t"}},
                {"name": "hub/x", "splits": {"test": "t"}},
            ],
            r"split \(hub/x/t\), .* split \(SampleReader/t\); ",
        ),
    ],
)
def test_runs_on_different_data_name_the_data(tmp_path: Path, datas: list[dict[str, Any]], message: str) -> None:
    golds = GOLD, GOLD[1:] + GOLD[:1]
    paths = [write_run(tmp_path / name, gold, gold=gold) for name, gold in zip("AB", golds, strict=True)]
    for path, data in zip(paths, datas, strict=True):
        with (path / "config.yaml").open("a", encoding="utf-8") as file:
            file.write(f"data: {json.dumps(data)}\n")
    with pytest.raises(DataError, match=message):
        compare(paths, n_resamples=10, seed=1)


def test_one_run_and_no_run_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected two or more"):
        compare([tmp_path], n_resamples=10, seed=1)
    with pytest.raises(DataError, match="no answers to compare"):
        compare([tmp_path, tmp_path], n_resamples=10, seed=1)
