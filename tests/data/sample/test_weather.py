"""The weather follows from the measurements of several days."""

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeAlias

from seqlab.data.sample.weather import WEATHER

Columns: TypeAlias = Callable[..., dict[str, list[Any]]]
MOST_ERROR = 3.5
"""Of a temperature, in degrees: the errors are bounded."""


def test_weather_is_the_same_on_every_machine(columns: Columns) -> None:
    rows = columns("weather", "test", 1)
    assert ([round(value, 1) for value in rows["frames"][0][0]], rows["tags"][0][:5]) == (
        [15.0, 1018.9, 75.4, 5.1],
        ["clear", "fog", "fog", "rain", "storm"],
    )


def test_weather_has_every_tag_and_a_frame_for_each(columns: Columns) -> None:
    rows = columns("weather", "train", 100)
    counts = Counter(tag for tags in rows["tags"] for tag in tags)
    assert set(counts) == set(WEATHER)
    assert min(counts.values()) > 0.05 * counts.total()
    assert max(counts.values()) < 0.4 * counts.total()
    assert list(map(len, rows["frames"])) == list(map(len, rows["tags"]))
    assert 30 <= min(map(len, rows["tags"])) < 40 < 80 < max(map(len, rows["tags"])) <= 90
    assert {len(frame) for frames in rows["frames"] for frame in frames} == {4}


def test_weather_follows_from_its_day_and_the_days_before(columns: Columns) -> None:
    rows = columns("weather", "train", 100)
    falls: dict[str, list[float]] = {tag: [] for tag in WEATHER}
    for frames, tags in zip(rows["frames"], rows["tags"], strict=True):
        for i in range(3, len(tags)):
            falls[tags[i]].append(frames[i - 3][1] - frames[i][1])
            assert tags[i] != "snow" or frames[i][0] < 1 + MOST_ERROR
    means = {tag: sum(found) / len(found) for tag, found in falls.items()}
    assert means["storm"] > means["rain"] + 10
    assert min(falls["storm"]) > 0
