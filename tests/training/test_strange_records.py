"""Records without steps or with one, and labels that training lacks, have losses and scores under every head."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from seqlab.testing.runs import train_small
from seqlab.training.train import Run

Logged: TypeAlias = Callable[[Run, str], list[float]]
STRANGE = {
    "train": [
        {"tokens": ["Ada", "met", "Kiel"], "tags": ["B-PER", "O", "B-LOC"], "label": "ask", "topics": ["a", "b"]},
        {"tokens": [], "tags": [], "label": "tell", "topics": []},
        {"tokens": ["rain"], "tags": ["O"], "label": "tell", "topics": ["b"]},
        {"tokens": ["Ada"], "tags": ["B-PER"], "label": "ask", "topics": []},
    ],
    "dev": [
        {"tokens": [], "tags": [], "label": "shout", "topics": []},
        {"tokens": ["Zürich", "ist", "\U0001f30d"], "tags": ["B-ART", "I-ART", "O"], "label": "shout", "topics": ["c"]},
        {"tokens": ["x" * 200], "tags": ["B-ART"], "label": "sing", "topics": ["c", "a"]},
    ],
    "test": [{"tokens": [], "tags": [], "label": "sing", "topics": []}] * 3,
}
"""Records without steps, with one, and labels that training lacks; each split has some, test nothing else."""


def write_strange(folder: Path) -> Path:
    folder.mkdir()
    for split, records in STRANGE.items():
        lines = (json.dumps({"id": f"{split}-{i}", **record}) for i, record in enumerate(records))
        (folder / f"{split}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "overrides",
    [
        ["head=[crf,sequence]", "heads.label.pooling=last"],
        ["head=[softmax,sequence]", "heads.label.pooling=mean"],
        ["head=[softmax,sequence]", "heads.label.pooling=max", "data.scheme=null"],
        ["head=[crf,sequence]", "heads.label.pooling=attention", "data.scheme=null", "encoder=gru"],
        ["head=[multilabel]", "heads.label.target.column=topics", "+data.reader.columns.topics=topics"],
    ],
    ids=lambda overrides: " ".join(overrides[:2]),
)
def test_strange_records_have_losses_and_scores(logged: Logged, tmp_path: Path, overrides: list[str]) -> None:
    run = train_small(
        write_strange(tmp_path / "data"),
        tmp_path / "run",
        ["data=jsonl", "data.scheme=BIO", "monitor=val/loss", "monitor_mode=min", *overrides],
    )
    for name in ("train/loss", "val/loss"):
        losses = logged(run, name)
        assert losses
        assert all(math.isfinite(loss) for loss in losses)
    json.dumps(dict(run.metrics.items()), allow_nan=False)
    lines = (run.folder / "predictions" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
