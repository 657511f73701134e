import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import seqlab
from seqlab.cli import main
from seqlab.inference import Tagger
from seqlab.runs.comparison import compare
from seqlab.runs.run import FinishedRun
from seqlab.testing.runs import change_bundle

SMALL_MODEL = ("encoder.width=8", "trainer.max_epochs=2", "callbacks=none", "n_threads=1", "optimizer.lr=0.05")

Evaluate = Callable[..., str]


def changed_model(run: str | Path, folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Return `folder`, which gets the model of a run with the facts of its training changed."""
    return change_bundle(Path(run) / "model", folder, lambda content: change(content["facts"]))


@pytest.fixture
def evaluate(capsys: pytest.CaptureFixture[str], model: str) -> Evaluate:
    """Return a call of `seqlab evaluate`, giving what it prints; with `fails`, what it says is wrong."""

    def call(*words: object, run: object = model, fails: bool = False) -> str:
        status = main(["evaluate", str(run), *map(str, words)])
        out, err = capsys.readouterr()
        assert status == (2 if fails else 0), err
        return err if fails else out

    return call


def test_scores_are_those_of_the_run(evaluate: Evaluate, runs: Mapping[str, seqlab.Run], lines_data: Path) -> None:
    for run in runs.values():
        scores = json.loads(evaluate(lines_data / "test", "--json", run=run.folder))
        assert scores == json.loads(json.dumps(run.metrics["test"]))


def test_data_of_the_training_needs_no_path(evaluate: Evaluate, lines_data: Path) -> None:
    given = evaluate(lines_data, "--split", "train", "--json")
    assert evaluate("--split", "train", "--json") == given
    assert evaluate("--json") == evaluate(lines_data / "test", "--json")


def test_table_has_a_row_for_each_type(evaluate: Evaluate, lines_data: Path) -> None:
    rows = {line.split()[0]: line.split()[1:] for line in evaluate(lines_data / "test").splitlines() if line.strip()}
    assert rows["type"] == ["precision", "recall", "F1", "support"]
    assert rows["PER"] == ["100.00", "100.00", "100.00", "2"]
    assert rows["LOC"][-1] == "3"
    assert rows["all"][-1] == "5"


def test_types_that_the_model_does_not_know_are_named(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.jsonl").write_text('{"tokens": ["Oslo", "Kiel"], "tags": ["B-town", "B-LOC"]}\n', encoding="utf-8")
    assert main(["evaluate", model, str(tmp_path / "x.jsonl"), "--format", "jsonl", "--set", "scheme=BIO"]) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    assert len(notes) == 1
    assert "cannot predict town, which the data contain; its labels are " in notes[0]
    assert "LOC" in notes[0]


def test_types_that_the_model_does_not_know_are_named_with_several_data_sets(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def in_two_sets(facts: dict[str, Any]) -> None:
        facts["data"] = {"sets": {name: {**facts["data"], "heads": ["tags"]} for name in ("news", "mail")}}

    folder = changed_model(model, tmp_path / "changed", in_two_sets)
    (tmp_path / "x.jsonl").write_text('{"tokens": ["Oslo", "Kiel"], "tags": ["B-town", "B-LOC"]}\n', encoding="utf-8")
    words = ["--data-set", "mail", "--format", "jsonl", "--set", "scheme=BIO"]
    assert main(["evaluate", str(folder), str(tmp_path / "x.jsonl"), *words]) == 0
    captured = capsys.readouterr()
    assert "tags@mail" in captured.out
    assert "note: head tags cannot predict town, which the data contain" in captured.err


def test_another_format_is_read_on_request(evaluate: Evaluate, conll_file: Path, lines_data: Path) -> None:
    expected = evaluate(lines_data / "test", "--json")
    assert evaluate(conll_file, "--format", "conll", "--json") == expected
    assert evaluate(conll_file, "--format", "conll", "--set", "columns.tags=1", "--json") == expected


def test_mistakes_are_reported(evaluate: Evaluate, conll_file: Path, lines_data: Path) -> None:
    for words, message in (
        (["nowhere"], "error: nowhere does not exist; the model was trained on"),
        ([lines_data], f"error: {lines_data} holds several splits; choose one: --split train or"),
        ([conll_file, "--format", "word"], "error: --format is 'word'; expected one of conll, conllu, jsonl"),
        ([conll_file, "--format", "conll", "--set", "columns.tags=9"], f"error: {conll_file}:1: tags is column 9"),
        (
            [conll_file, "--format", "conll", "--set", "colour=9"],
            "error: data.reader.colour is not an option of ConllReader",
        ),
        (
            [conll_file, "--set", "_target_=os.system"],
            "error: --set is ['_target_=os.system']; use --format to choose another reader",
        ),
        ([conll_file, "--format", "conll", "--set", "x=["], "error: --set is ['x=[']: "),
    ):
        assert evaluate(*words, fails=True).startswith(message)


def test_a_bundle_cannot_name_code(evaluate: Evaluate, model: str, tmp_path: Path) -> None:
    hostile = {"_target_": "os.system", "command": "true"}
    changed = changed_model(model, tmp_path / "changed", lambda facts: facts["data"].update(reader=hostile))
    said = evaluate(__file__, run=changed, fails=True)
    assert said.startswith("error: data.reader._target_ is 'os.system', which no config file of seqlab")


def test_a_model_of_generated_data_finds_out_the_format_of_a_file(
    evaluate: Evaluate, model: str, conll_file: Path, lines_data: Path, tmp_path: Path
) -> None:
    expected = evaluate(lines_data / "test", "--json")
    reader = {"_target_": "seqlab.data.sample.SampleReader", "corpus": "tags", "n_train": 9, "n_val": 9, "n_test": 9, "seed": 1}
    changed = changed_model(model, tmp_path / "changed", lambda facts: facts["data"].update(reader=reader, dir=None))
    assert evaluate(conll_file, "--json", run=changed) == expected
    assert evaluate(lines_data / "test", "--json", run=changed) == expected
    assert "no split of the sample corpora" in evaluate("nowhere", run=changed, fails=True)


@pytest.fixture(scope="module")
def of_conll(conll_file: Path, tmp_path_factory: pytest.TempPathFactory) -> seqlab.Run:
    """Return a run on CoNLL columns in BIO that learned BIOES, with a column of a name of its own."""
    folder = tmp_path_factory.mktemp("of_conll")
    for split in ("train", "dev", "test"):
        lines = conll_file.read_text(encoding="utf-8").splitlines()
        rows = [f"{line.split(chr(9))[0]}\t{len(line)}\t{line.split(chr(9))[1]}" if line else "" for line in lines]
        (folder / f"{split}.conll").write_text("\n".join(rows) + "\n", encoding="utf-8")
    words = [
        "data=conll",
        f"data.dir={folder}",
        "data.reader.columns={tokens: 0, size: 1, tags: 2}",
        "embedding=[words,column]",
    ]
    words += ["embedding.parts.column.field.column=size", "data.reader.scheme=BIO", "data.reader.target_scheme=BIOES"]
    return seqlab.train([*words, *SMALL_MODEL, f"paths.root_dir={folder}"])


def test_json_lines_are_scored_as_the_columns_of_the_training(
    evaluate: Evaluate, of_conll: seqlab.Run, conll_file: Path, tmp_path: Path
) -> None:
    blocks = [block.splitlines() for block in conll_file.read_text(encoding="utf-8").split("\n\n")]
    rows = [[line.split("\t") for line in block] for block in blocks]
    records = [
        {"tokens": [t for t, _ in row], "tags": [g for _, g in row], "size": [str(len(t) + len(g) + 1) for t, g in row]}
        for row in rows
    ]
    path = tmp_path / "test.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    scores = json.loads(evaluate(path, "--json", run=of_conll.folder))
    assert scores == json.loads(evaluate("--json", run=of_conll.folder))
    assert scores["scheme"] == "BIO"  # that of the data, which the training converts to BIOES
    assert main(["predict", str(of_conll.folder), str(path), "-o", str(tmp_path / "out.jsonl")]) == 0
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [len(one["predictions"]["tags"]["labels"]) for one in found] == [len(row) for row in rows]
    for record in records:
        del record["size"]
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    said = evaluate(path, run=of_conll.folder, fails=True)
    assert (
        said == f"error: {path}: the records have no column 'size', which the model reads; they have id, line, tokens, tags\n"
    )


def test_a_run_stores_its_answers_in_the_scheme_of_the_data(of_conll: seqlab.Run, conll_file: Path) -> None:
    stored = list(FinishedRun(of_conll.folder).answers("test"))
    blocks = [block.splitlines() for block in conll_file.read_text(encoding="utf-8").split("\n\n")]
    assert [record.gold["tags"] for record in stored] == [[line.split("\t")[1] for line in block] for block in blocks]
    labelled = Tagger.load(of_conll.folder).predict(
        [{"tokens": r.tokens, "size": _sizes(b)} for r, b in zip(stored, blocks, strict=True)]
    )
    assert [r.predictions["tags"].labels for r in stored] == [r.predictions["tags"].labels for r in labelled]
    pairs = [pair for r in stored for pair in zip(r.gold["tags"], r.predictions["tags"].labels, strict=True)]
    scores = of_conll.metrics["test"]
    assert scores["accuracy"] == pytest.approx(sum(gold == found for gold, found in pairs) / len(pairs))
    found = compare([of_conll.folder] * 2, n_resamples=2, seed=1).findings
    assert {one.score: one.records.value_a for one in found} == pytest.approx(
        {"span F1": scores["span_f1"]["strict"], "accuracy": scores["accuracy"]}
    )


def _sizes(block: list[str]) -> list[str]:
    return [str(len(line)) for line in block]
