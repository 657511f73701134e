"""What differs between the model of a checkpoint and that of a run."""

import copy
from typing import Any

from seqlab.config.compose import MODEL_KEYS, compose, plain
from seqlab.training.checkpoints.origin import differences


def model(*overrides: str) -> dict[str, Any]:
    settings = plain(compose(["paths.run_dir=.", *overrides]))
    return {key: settings[key] for key in MODEL_KEYS}


def without(settings: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the settings as a version wrote them that did not know `encoder.NAME` yet."""
    older = copy.deepcopy(settings)
    del older["encoder"][name]
    return older


def test_settings_that_differ_are_named() -> None:
    assert differences(model(), model()) == []
    assert differences(model(), model("encoder.merge=sum")) == ["encoder.merge is 'concat' there and 'sum' here"]


def test_a_setting_that_an_older_version_did_not_know_has_its_default() -> None:
    now = model("encoder.is_bidirectional=false")
    assert differences(without(now, "reads_backwards"), now) == []
    other = model("encoder.is_bidirectional=false", "encoder.reads_backwards=true")
    assert differences(without(now, "reads_backwards"), other) == ["encoder.reads_backwards is absent there and True here"]
    assert differences(now, without(now, "reads_backwards")) == ["encoder.reads_backwards is False there and absent here"]
