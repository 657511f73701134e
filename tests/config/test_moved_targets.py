"""Targets in bundles, runs and plugins of older versions."""

from typing import Any

import pytest

from seqlab.config.build import build, known_targets, locate
from seqlab.config.moved_targets import current_target
from seqlab.errors import ConfigError

OLD = {
    "seqlab.schedules.warmup_cosine": "seqlab.training.lr_schedules.warmup_cosine",
    "seqlab.callbacks.AveragedWeights": "seqlab.training.callbacks.AveragedWeights",
    "seqlab.data.acoustics.AcousticFeatures": "seqlab.data.audio.mel.AcousticFeatures",
    "seqlab.regularizers.VanishingGradientPenalty": "seqlab.training.regularizers.VanishingGradientPenalty",
}


@pytest.mark.parametrize(("old", "new"), OLD.items())
def test_an_old_target_is_located_where_it_is_now(old: str, new: str) -> None:
    assert current_target(old) == new
    assert locate(old, targets=known_targets(), path="part") is locate(new, targets=known_targets(), path="part")


@pytest.mark.parametrize(
    ("node", "attribute", "value"),
    [
        ({"_target_": "seqlab.callbacks.AveragedWeights", "decay": 0.5}, "decay", 0.5),
        ({"_target_": "seqlab.regularizers.VanishingGradientPenalty", "weight": 0.25}, "weight", 0.25),
    ],
)
def test_an_old_target_is_built(node: dict[str, Any], attribute: str, value: object) -> None:
    made = build(node, targets=known_targets(), path="part")
    assert f"{type(made).__module__}.{type(made).__name__}".startswith("seqlab.training.")
    assert getattr(made, attribute) == value


@pytest.mark.parametrize("target", ["seqlab.schedules.no_such", "seqlab.callback.AveragedWeights", "seqlab.schedules"])
def test_an_unknown_target_is_refused(target: str) -> None:
    with pytest.raises(ConfigError, match=rf"part\._target_ is '{target}', which no config file of seqlab"):
        build({"_target_": target}, targets=known_targets(), path="part")
