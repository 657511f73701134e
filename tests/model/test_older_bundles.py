"""What bundles of seqlab 0.1.0 predict, compared with what they predicted then (`tests/fixtures/version_0_1_0/make.py`)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqlab

MODELS = Path(__file__).resolve().parents[1] / "fixtures" / "version_0_1_0" / "models"


@dataclass
class OlderBundle:
    """A loaded bundle, and what seqlab 0.1.0 had it predict."""

    tagger: seqlab.Tagger
    expected: dict[str, Any]


@pytest.fixture(scope="module", params=sorted(path.name for path in MODELS.iterdir()))
def older(request: pytest.FixtureRequest) -> OlderBundle:
    folder = MODELS / request.param
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    return OlderBundle(seqlab.load(folder / "model"), expected)


def test_older_bundle_predicts_as_before(older: OlderBundle) -> None:
    found = older.tagger.predict(older.expected["inputs"], n_best=3, use_entropy=True)
    # the files call the spans of each head `spans`, as records of 0.1.0 did
    expected = [
        {key.replace("spans", "spans_by_head"): value for key, value in row.items()} for row in older.expected["records"]
    ]
    assert_same(found, expected)


def test_older_bundle_keeps_its_precision_thresholds(older: OlderBundle) -> None:
    expected = older.expected.get("min_precision", [])  # bundles with spans have it
    found = older.tagger.predict(older.expected["inputs"], min_precision=0.5) if expected else []
    labels = [{head: prediction.labels for head, prediction in record.predictions.items()} for record in found]
    assert labels == expected


def test_older_bundle_encodes_as_before(older: OlderBundle) -> None:
    (found,) = older.tagger.encode(older.expected["inputs"][:1], use_steps=True)
    assert found.steps is not None
    np.testing.assert_allclose(found.steps.values, older.expected["steps"], rtol=1e-5, atol=1e-6)
    if older.expected["summary"] is None:
        assert found.summary is None
    else:
        np.testing.assert_allclose(found.summary, older.expected["summary"], rtol=1e-5, atol=1e-6)


def test_older_bundle_has_the_same_fingerprint(older: OlderBundle) -> None:
    assert older.tagger.bundle.fingerprint == older.expected["fingerprint"]


def assert_same(found: Any, expected: Any) -> None:
    """Compare with JSON: labels must be equal, and numbers within 1e-5, since CPUs differ in the order of float32 sums."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            assert_same(found[key] if isinstance(found, Mapping) else getattr(found, key), value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-5)
    else:
        assert found == expected
