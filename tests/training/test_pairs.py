"""Models of pairs: fields learn from both sides, batches carry both, and neither padding nor batch-mates change a thing."""

import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch

import seqlab
from seqlab.cli import main
from seqlab.data.fields import CategoryField
from seqlab.data.fields.registry import Fields
from seqlab.data.pairs import one_after_another, second_side
from seqlab.errors import DataError
from seqlab.inference.tagger import predict
from seqlab.testing.runs import change_bundle

ROWS: dict[str, list[Any]] = {
    "id": ["a", "b", "c", "d"],
    "tokens": [["rain", "fell"], [], ["snow"], ["it", "is", "very", "cold", "."]],
    "tokens_2": [["snow", "fell", "hard"], ["hail"], [], ["it", "is", "cold"]],
    "relatedness": [3.5, 1.0, 1.0, 4.5],
    "entailment": ["NEUTRAL", "NEUTRAL", "NEUTRAL", "ENTAILMENT"],
}


PAIRS = {
    "_target_": "seqlab.data.readers.PairsReader",
    "columns": {"text": "a", "text_2": "b", "relatedness": "near", "entailment": "is"},
    "numbers": ["relatedness"],
    "separator": "auto",
    "quote": None,
}
"""A reader of objects such as {"a": "rain fell", "b": "it rained", "near": 4.5, "is": "ENTAILMENT"}."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> seqlab.Run:
    """Return a run on pairs of the sample corpus."""
    folder = tmp_path_factory.mktemp("pairs") / "run"
    sizes = ["data.reader.n_train=60", "data.reader.n_val=20", "data.reader.n_test=20"]
    small = ["encoder.width=8", "max_tokens=200", "trainer.max_epochs=2", "callbacks=none", "n_threads=1"]
    return seqlab.train(["experiment=sample_pairs", *sizes, *small, f"hydra.run.dir={folder}"])


@pytest.fixture(scope="module")
def tagger(run: seqlab.Run) -> seqlab.Tagger:
    return seqlab.load(run.model)


def fields(*, of_pairs: bool) -> tuple[CategoryField, Fields]:
    field = CategoryField("tokens", "identity", 1)
    return field, Fields({field.key: field}, of_pairs=of_pairs)


def test_second_sides_are_records_of_their_own() -> None:
    second = second_side(datasets.Dataset.from_dict({"line": [2, 3, 4, 7], **ROWS}))
    assert second is not None
    assert second.to_dict() == {"id": ROWS["id"], "line": [2, 3, 4, 7], "tokens": ROWS["tokens_2"]}
    assert second_side(datasets.Dataset.from_dict({"tokens": [["a"]], "label_2": ["x"]})) is None


def test_fields_learn_from_both_sides() -> None:
    for of_pairs, expected in ((True, {"snow", "hail", "hard"}), (False, {"snow"})):
        field, registry = fields(of_pairs=of_pairs)
        registry.fit(datasets.Dataset.from_dict(ROWS))
        assert {"snow", "hail", "hard"} & set(field.vocabulary.items) == expected


def test_a_batch_carries_both_sides() -> None:
    field, registry = fields(of_pairs=True)
    registry.fit(datasets.Dataset.from_dict(ROWS))
    records = registry.encode(datasets.Dataset.from_dict(ROWS))
    batch = records.batch(np.asarray([3, 0]))
    assert batch.second is not None
    assert (batch.lengths.tolist(), batch.second.lengths.tolist()) == ([5, 2], [3, 3])
    words = [[field.vocabulary.items[i - 2] for i in row if i >= 2] for row in batch.second.tensor(field).tolist()]
    assert words == [ROWS["tokens_2"][3], ROWS["tokens_2"][0]]
    assert records.sizes.tolist() == [6, 2, 2, 10]
    assert (records.n_steps, batch.n_steps) == (8 + 7, 13)
    moved = batch.to(torch.device("meta")).second
    assert moved is not None
    assert moved.lengths.device.type == "meta"


def test_other_columns_with_the_ending_make_no_pairs() -> None:
    _, registry = fields(of_pairs=True)
    records = datasets.Dataset.from_dict({"tokens": [["a"]], "label": ["x"], "label_2": ["y"]})
    registry.fit(records)
    assert registry.encode(records).second is None


def test_sets_share_the_columns_that_are_alike() -> None:
    first = datasets.Dataset.from_dict({"tokens": [["a"]], "tree": ["(A a)"], "n": [1]})
    second = datasets.Dataset.from_dict({"tokens": [["b"]], "tree": ["(B b)"], "n": ["x"]})
    assert one_after_another([first, second], column="tree").to_dict() == {"tokens": [["a"], ["b"]], "tree": ["(A a)", "(B b)"]}
    with pytest.raises(DataError, match="column 'n' holds"):
        one_after_another([first, second], column="n")


def test_metrics_and_predictions_are_those_of_both_heads(run: seqlab.Run) -> None:
    metrics = json.loads((run.folder / "metrics.json").read_text())
    assert {*metrics["test"]["relatedness"]} == {"pearson", "spearman", "mse"}
    assert {"accuracy", "macro_f1"} <= {*metrics["test"]["entailment"]}
    lines = (run.folder / "predictions" / "test.jsonl").read_text().splitlines()
    assert len(lines) == 20
    assert 1 <= json.loads(lines[0])["predictions"]["relatedness"]["value"] <= 5


def test_batch_mates_and_padding_change_nothing(tagger: seqlab.Tagger) -> None:
    records = tagger.bundle.fields.encode(datasets.Dataset.from_dict(ROWS))
    together, alone = (predict(tagger.bundle.labeler, records, max_tokens=n) for n in (10_000, 1))
    for name in ("relatedness", "entailment"):
        for one, other in zip(together[name], alone[name], strict=True):
            assert one.labels == other.labels
            assert one.confidences == pytest.approx(other.confidences, abs=1e-5)
            assert one.value == (None if other.value is None else pytest.approx(other.value, abs=1e-5))


def test_each_side_is_encoded_as_if_alone(tagger: seqlab.Tagger) -> None:
    records = tagger.bundle.fields.encode(datasets.Dataset.from_dict(ROWS))
    swapped = {**ROWS, "tokens": ROWS["tokens_2"], "tokens_2": ROWS["tokens"]}
    others = tagger.bundle.fields.encode(datasets.Dataset.from_dict(swapped))
    with torch.inference_mode():
        steps, back = (tagger.bundle.labeler(one.batch(np.arange(4))) for one in (records, others))
    torch.testing.assert_close(steps.second.summary, back.summary)
    torch.testing.assert_close(steps.summary, back.second.summary)


def test_scores_are_the_same_again(run: seqlab.Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run.folder), "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["relatedness"]["pearson"] == pytest.approx(run.metrics["test"]["relatedness"]["pearson"], abs=1e-4)
    assert scores["entailment"]["accuracy"] == run.metrics["test"]["entailment"]["accuracy"]


def test_pairs_are_predicted_from_texts_and_tokens(
    tagger: seqlab.Tagger, run: seqlab.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tagger.columns == ["tokens", "tokens_2"]
    assert tagger.encoder_columns == ["tokens"]
    (tmp_path / "pairs.jsonl").write_text(
        '{"id": "x", "text": "The film is dull", "text_2": "The film is not dull"}\n'
        '{"tokens": ["The", "film", "is", "dull"], "tokens_2": ["The", "film", "is", "not", "dull"]}\n'
        '{"text": "", "tokens_2": []}\n',
        encoding="utf-8",
    )
    assert main(["predict", str(run.folder), str(tmp_path / "pairs.jsonl"), "--to", "jsonl"]) == 0
    first, second, empty = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (first["id"], first["text_2"]) == ("x", "The film is not dull")
    assert first["predictions"]["relatedness"]["value"] == pytest.approx(
        second["predictions"]["relatedness"]["value"], abs=1e-5
    )
    assert first["predictions"]["entailment"]["labels"] == second["predictions"]["entailment"]["labels"]
    assert len(empty["predictions"]["entailment"]["labels"]) == 1
    assert len(tagger.encode(["The film is dull"])) == 1


def test_one_side_alone_is_told(
    tagger: seqlab.Tagger, run: seqlab.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError, match="input 0 has no 'tokens_2'; the model reads 'tokens', 'tokens_2'"):
        tagger.predict(["The film is dull"])
    (tmp_path / "notes.txt").write_text("The film is dull\n", encoding="utf-8")
    assert main(["predict", str(run.folder), str(tmp_path / "notes.txt")]) == 2
    assert "use --format jsonl with a key 'tokens_2'" in capsys.readouterr().err
    with pytest.raises(
        DataError, match=r"heads\.entailment labels pairs, but the training records have one side; .* columns such as tokens_2"
    ):
        seqlab.train(
            ["experiment=sample_pairs", "data=sample_trees", "head=[entailment]", "heads.entailment.target.column=label"]
        )


def test_json_lines_are_scored_by_the_reader_of_a_training_on_json_lines(
    run: seqlab.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = {split: f"{split}.jsonl" for split in ("train", "val", "test")}
    data = {"reader": PAIRS, "dir": str(tmp_path), "splits": splits}
    change_bundle(run.model, tmp_path / "model", lambda content: content["facts"].update(data=data))
    texts = ("Snow fell", "rain fell", "it is cold")
    rows = [{"a": texts[i], "b": texts[i - 1], "near": 1.0 + i, "is": ("NEUTRAL", "ENTAILMENT")[i % 2]} for i in range(3)]
    (tmp_path / "other.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    assert main(["evaluate", str(tmp_path / "model"), str(tmp_path / "other.jsonl"), "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"relatedness", "entailment"}
