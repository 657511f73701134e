"""Statistics of trials: explained variance against scipy, fronts by definition, groups over seeds and their marks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import f_oneway

from seqlab.report.analysis.importance import explained, levels_of
from seqlab.report.analysis.noise import BEST, UNKNOWN, WITHIN, WORSE, standings
from seqlab.report.analysis.pareto import on_front
from seqlab.report.analysis.trials import COMPLETE, Objective, Trial, by_settings, varying

HIGH = Objective("f1", is_high=True)


def trial(name: str, score: float, **settings: object) -> Trial:
    return Trial(name, COMPLETE, settings, {"f1": score})


def test_explained_share_is_epsilon_squared_of_a_one_way_analysis() -> None:
    groups = {"a": [0.1, 0.2, 0.15], "b": [0.3, 0.25, 0.35], "c": [0.2, 0.22]}
    settings = [name for name, values in groups.items() for _ in values]
    scores = [value for values in groups.values() for value in values]
    f, n, k = f_oneway(*groups.values()).statistic, len(scores), len(groups)
    found = explained(settings, scores)
    assert found is not None
    assert found.share == pytest.approx((k - 1) * (f - 1) / ((k - 1) * f + n - k))
    assert found.n_levels == 3
    assert found.chance < 0.1


def test_chance_separates_a_setting_that_matters_from_one_that_does_not() -> None:
    scores = [0.1, 0.9] * 8
    matters, not_at_all = explained(["x", "y"] * 8, scores), explained(["x", "x", "y", "y"] * 4, scores)
    assert matters is not None
    assert not_at_all is not None
    assert (matters.share, matters.chance) == (1.0, pytest.approx(0.001, abs=0.001))
    assert not_at_all.share == 0.0
    assert not_at_all.chance > 0.5


@pytest.mark.parametrize(
    ("settings", "scores"), [(["x", "x"], [1.0, 2.0]), (["x", "y"], [1.0, 2.0]), (["x", "y"] * 2, [1.0] * 4), ([], [])]
)
def test_nothing_is_explained_where_nothing_can_be(settings: list[str], scores: list[float]) -> None:
    assert explained(settings, scores) is None


def test_numbers_of_many_values_are_cut_into_classes() -> None:
    assert levels_of([0.1, 0.2, None]) == [0.1, 0.2, None]
    levels = levels_of([i / 10 for i in range(8)])
    assert levels == ["0 to 0.1"] * 2 + ["0.2 to 0.3"] * 2 + ["0.4 to 0.5"] * 2 + ["0.6 to 0.7"] * 2


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_front_holds_those_that_nothing_beats(points: list[tuple[int, int]]) -> None:
    front = on_front([(float(a), float(b)) for a, b in points], is_high=[True, False])
    assert any(front)
    for (a, b), is_best in zip(points, front, strict=True):
        beaten = any(c >= a and d <= b and (c, d) != (a, b) for c, d in points)
        assert is_best != beaten


def test_trials_are_grouped_by_all_settings_but_the_seed() -> None:
    trials = [
        trial("0", 0.5, lr=1, seed=1, same=3),
        trial("1", 0.6, lr=1, seed=2, same=3),
        trial("2", 0.4, lr=2, seed=1, same=3),
        trial("3", 0.5, lr=1, seed=1, same=3),  # the first once more, which is no news
    ]
    assert varying(trials) == ["lr"]
    assert [[each.name for each in group] for group in by_settings(trials, varying(trials))] == [["0", "1"], ["2"]]


def test_marks_say_what_is_worse_within_noise_and_not_known() -> None:
    far = [trial("a1", 0.10), trial("a2", 0.12), trial("a3", 0.11)]
    near = [trial("b1", 0.78), trial("b2", 0.83), trial("b3", 0.80)]
    best = [trial("c1", 0.80), trial("c2", 0.82), trial("c3", 0.81)]
    alone = [trial("d1", 0.5)]
    found = standings([far, near, alone, best], HIGH)
    assert [(s.trials[0].name, s.mark) for s in found] == [("c1", BEST), ("b1", WITHIN), ("d1", UNKNOWN), ("a1", WORSE)]
    assert [s.summary.n for s in found] == [3, 3, 1, 3]
    assert found[3].p_value is not None
    assert found[3].p_value < 0.001


def test_low_objectives_are_ranked_from_below() -> None:
    found = standings([[trial("slow", 9.0)], [trial("fast", 1.0)]], Objective("f1", is_high=False))
    assert [s.trials[0].name for s in found] == ["fast", "slow"]
