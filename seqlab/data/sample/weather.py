"""Weather of imaginary places: four measurements a day, and the weather of that day as its tag.

The measurements are noisy, and the weather follows from what they measure and from the days before:

- Highs and lows follow each other, and the pressure moves towards the level of the present one, by a share a day.
- The temperature has a season, spells of several days, and is lower under clouds of summer and under the clear sky of winter.
- Lows bring precipitation, with a storm where the pressure has fallen far over three days. It is snow in the cold.
- Rain fills the ground, which dries slowly; snow stays on the ground until warm days have melted it.
- On calm days of a high there is fog over snow that melts, and over wet ground.

Only the four basic operations are used, whose results are the same on all machines.
"""

from dataclasses import dataclass, field
from random import Random
from typing import final

WEATHER = ("clear", "cloudy", "rain", "snow", "storm", "fog")
"""The tags."""
MEASUREMENTS = ("temperature", "pressure", "humidity", "wind")
"""The numbers of a frame: degrees Celsius, hPa, percent, metres per second."""

_YEAR = 360
_HIGH, _LOW = 1026.0, 998.0
_STORM_FALL = 18.0
"""Fall of the pressure over three days, in hPa, from which a low brings storm."""
_NOISE = (1.0, 2.0, 6.0, 1.0)
"""Standard deviation of the error of each measurement."""


@final
@dataclass
class Sky:
    """The state of the atmosphere and of the ground at one place.

    Args:
        random: Source of what happens.
    """

    random: Random
    days_left: int = field(init=False, default=0)
    """Days until the present high or low is over."""
    cloud: float = field(init=False, default=0.5)
    spell: float = field(init=False, default=0.0)
    wet: float = field(init=False, default=0.0)
    """Water in the ground."""
    snow: float = field(init=False, default=0.0)
    """Snow on the ground."""

    def __post_init__(self) -> None:
        self.day = int(self.random.random() * _YEAR)
        self.mean = 4 + 8 * self.random.random()
        self.is_low = self.random.random() < 0.5
        self.pressures = [_LOW + (_HIGH - _LOW) * self.random.random()] * 4

    def pass_day(self) -> tuple[tuple[float, ...], str]:
        """Return the true values of MEASUREMENTS on the next day, and its weather."""
        self.day = (self.day + 1) % _YEAR
        if self.days_left == 0:
            self.is_low = not self.is_low
            self.days_left = (2 if self.is_low else 3) + int(self.random.random() * (4 if self.is_low else 7))
        self.days_left -= 1
        level = (_LOW if self.is_low else _HIGH) + 5 * _noise(self.random)
        self.pressures = [*self.pressures[1:], self.pressures[-1] + 0.5 * (level - self.pressures[-1])]
        fall = self.pressures[0] - self.pressures[-1]
        self.cloud += 0.6 * ((1.0 if self.is_low else 0.0) - self.cloud)
        self.spell = 0.8 * self.spell + 1.5 * _noise(self.random)
        season = _season(self.day)
        temperature = self.mean + 11 * season + self.spell - 3 * season * (2 * self.cloud - 1)
        wind = 3 + 0.35 * abs(self.pressures[-1] - self.pressures[-2]) + abs(_noise(self.random))
        weather = self._weather(temperature, wind, fall)
        humidity = 55 + 25 * self.cloud + 6 * min(self.wet, 3.0) - 0.5 * temperature
        return (temperature, self.pressures[-1], min(max(humidity, 20.0), 100.0), wind), weather

    def _weather(self, temperature: float, wind: float, fall: float) -> str:
        """Return the weather of a day, and change the ground by it."""
        melting = min(self.snow, max(temperature, 0.0) * 0.25)
        self.snow -= melting
        self.wet = 0.85 * self.wet + 0.5 * melting
        if self.is_low and self.cloud > 0.5:
            if temperature < 1:
                self.snow += 1.5
                return "snow"
            self.wet += 2.0 if fall > _STORM_FALL else 1.0
            return "storm" if fall > _STORM_FALL else "rain"
        if wind < 6 and (melting > 0.1 or self.wet > 2.5):
            return "fog"
        return "cloudy" if self.cloud > 0.3 else "clear"


def weather_record(random: Random) -> dict[str, object]:
    """Return one to three months at one place: `frames` of MEASUREMENTS, and `tags`."""
    sky = Sky(random)
    for _ in range(30):  # until the ground does not depend on how it was at first
        sky.pass_day()
    days = [sky.pass_day() for _ in range(30 + int(random.random() * 61))]
    return {"frames": [_measured(values, random) for values, _ in days], "tags": [weather for _, weather in days]}


def _measured(values: tuple[float, ...], random: Random) -> list[float]:
    temperature, pressure, humidity, wind = (v + error * _noise(random) for v, error in zip(values, _NOISE, strict=True))
    return [round(value, 1) for value in (temperature, pressure, min(humidity, 100.0), max(wind, 0.0))]


def _season(day: int) -> float:
    """Return -1 in the middle of winter to 1 in the middle of summer, two parabolas in place of a sine."""
    phase = (day - _YEAR / 4) % _YEAR / (_YEAR / 2)
    return 4 * phase * (1 - phase) if phase < 1 else -4 * (phase - 1) * (2 - phase)


def _noise(random: Random) -> float:
    """Return an approximately normal number with mean 0 and variance 1, by a sum of 4 uniform ones."""
    return (random.random() + random.random() + random.random() + random.random() - 2) * 3**0.5
