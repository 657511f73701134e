import re

import pytest

from seqlab.errors import ConfigError
from seqlab.inference import Layer, TaggedRecord
from seqlab.types import Prediction

LAYERS = {
    "tags": Layer(is_per_step=True, scheme="BIO", labels=["PER"]),
    "spans": Layer(is_per_step=False, scheme=None, labels=["LOC"]),
    "label": Layer(is_per_step=False, scheme=None, labels=["ask"]),
}
PREDICTIONS = {
    "tags": Prediction(["B-PER", "O"], [0.9, 0.8]),
    "spans": Prediction(["LOC"], [0.7], bounds=[(1, 2)]),
    "label": Prediction(["ask"], [0.6]),
}


def record(*heads: str) -> TaggedRecord:
    return TaggedRecord(["Ada", "Paris"], {name: PREDICTIONS[name] for name in heads}, {name: LAYERS[name] for name in heads})


@pytest.mark.parametrize(
    ("heads", "expected"),
    [
        (["tags"], [("Ada", "PER")]),
        (["spans"], [("Paris", "LOC")]),
        (["label", "tags"], [("Ada", "PER")]),
        (["label"], []),
    ],
)
def test_spans_are_those_of_the_only_head_that_finds_any(heads: list[str], expected: list[tuple[str, str]]) -> None:
    assert [(span.text, span.label) for span in record(*heads).spans] == expected


def test_spans_of_several_heads_are_chosen_by_head() -> None:
    found = record("tags", "spans", "label")
    message = "several heads find spans: tags, spans; expected one for record.spans; choose a head, as in record.spans_by_head["
    with pytest.raises(ConfigError, match=re.escape(f"{message}'tags']")):
        _ = found.spans
    assert {name: [span.label for span in spans] for name, spans in found.spans_by_head.items()} == {
        "tags": ["PER"],
        "spans": ["LOC"],
    }
