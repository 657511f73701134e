"""Files written by a teacher, and students trained on them."""

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

import seqlab
from seqlab.cli import main
from seqlab.data.sample import SampleReader
from seqlab.heads.distributions import TagDistribution
from seqlab.testing.runs import train_small, write_corpus

pytestmark = pytest.mark.slow

ModelFolder = Callable[[str], Path]
TEXTS = ["Ada Lovelace met Kiel .", "", "it fell on New York and Kiel", "rain"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "data")


@pytest.fixture(scope="module", params=["crf", "softmax"])
def teacher(
    request: pytest.FixtureRequest, data: Path, model_folder: ModelFolder, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return the model of a teacher with a transformer and a second head."""
    part = "embedding.parts.transformer.field"
    given = [f"head=[{request.param},sequence]", f"{part}.name={model_folder('bert')}", f"{part}.overlap=8"]
    home = tmp_path_factory.mktemp("teacher")
    return train_small(data, home, ["embedding=[words,char_cnn,transformer]", *given]).model


def distil(words: list[str]) -> int:
    return main(["distill", *words])


def write(path: Path, lines: list[Any]) -> Path:
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return path


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_answers_are_the_labels_and_probabilities_of_the_teacher(teacher: Path, tmp_path: Path) -> None:
    assert (
        distil([str(teacher), str(write(tmp_path / "texts.txt", TEXTS)), "-o", str(tmp_path / "new/out.jsonl"), "--least=0"])
        == 0
    )
    found, tagger = records(tmp_path / "new/out.jsonl"), seqlab.load(teacher)
    head = tagger.bundle.labeler.heads["tags"]
    assert [record["text"] for record in found] == TEXTS
    for record in found:
        (prediction,) = tagger.predict([record["text"]])
        labels = prediction.predictions["tags"].labels
        assert record["tokens"] == prediction.tokens
        assert record["tags"] == labels
        with torch.no_grad():
            batch = tagger.batch([record["text"]])
            believed = head.distribution(tagger.bundle.labeler(batch), batch)
        assert isinstance(believed, TagDistribution)
        probs = believed.marginals[0]
        for answer, expected in zip(record["teacher"], probs[: len(labels)].tolist(), strict=True):
            assert list(answer) == head.target.tags
            assert list(answer.values()) == pytest.approx(expected, abs=2e-6)
        confidences = [answer[label] for answer, label in zip(record["teacher"], labels, strict=True)]
        assert confidences == pytest.approx(prediction.predictions["tags"].confidences, abs=2e-6)


def test_tags_have_the_scheme_of_the_data_that_the_teacher_learned_in_another(data: Path, tmp_path: Path) -> None:
    schemes = ["data.reader.scheme=BIO", "data.reader.target_scheme=BIOES", "data.scheme=BIOES"]
    model = train_small(data, tmp_path / "teacher", ["head=[crf]", *schemes]).model
    given = [{"tokens": TEXTS[2].split()}, {"tokens": ["Kiel", "Lovelace"], "tags": ["B-LOC", "I-LOC"]}]
    source = write(tmp_path / "in.jsonl", given)
    assert distil([str(model), str(source), "-o", str(tmp_path / "out.jsonl"), "--least=0"]) == 0
    found, tagger = records(tmp_path / "out.jsonl"), seqlab.load(model)
    head = tagger.bundle.labeler.heads["tags"]
    own = head.target.tags
    assert {tag[0] for tag in own} == set("OBIES")
    assert found[0]["tags"] == tagger.predict([given[0]])[0].predictions["tags"].labels
    assert found[1]["tags"] == given[1]["tags"]
    with torch.no_grad():
        batch = tagger.batch([given[0]])
        believed = head.distribution(tagger.bundle.labeler(batch), batch)
    assert isinstance(believed, TagDistribution)
    for answer, probs in zip(found[0]["teacher"], believed.marginals[0].tolist(), strict=True):
        of_own = dict(zip(own, probs, strict=True))
        assert {tag[0] for tag in answer} == set("OBI")
        assert answer["B-LOC"] == pytest.approx(of_own["B-LOC"] + of_own["S-LOC"], abs=2e-6)
        assert answer["I-LOC"] == pytest.approx(of_own["I-LOC"] + of_own["E-LOC"], abs=2e-6)
        assert sum(answer.values()) == pytest.approx(1, abs=1e-5)


def test_unlikely_tags_are_left_out(teacher: Path, tmp_path: Path) -> None:
    texts = write(tmp_path / "texts.txt", TEXTS)
    for least in ("0", "0.1"):
        assert distil([str(teacher), str(texts), "-o", str(tmp_path / f"{least}.jsonl"), "--least", least]) == 0
    for full, short in zip(records(tmp_path / "0.jsonl"), records(tmp_path / "0.1.jsonl"), strict=True):
        expected = [{tag: prob for tag, prob in step.items() if prob >= 0.1} for step in full["teacher"]]
        assert short["teacher"] == expected


def test_records_keep_their_tags_and_all_else(teacher: Path, tmp_path: Path) -> None:
    given = [
        {"id": "a", "tokens": ["Ada", "slept"], "tags": ["O", "B-LOC"], "source": "mine"},
        {"id": "b", "tokens": ["Kiel"]},
    ]
    assert distil([str(teacher), str(write(tmp_path / "in.jsonl", given)), "-o", str(tmp_path / "out.jsonl")]) == 0
    first, second = records(tmp_path / "out.jsonl")
    assert {key: first[key] for key in given[0]} == given[0]
    assert (second["id"], len(second["tags"]), len(second["teacher"])) == ("b", 1, 1)


def test_a_record_without_tags_gets_those_of_the_teacher(teacher: Path, tmp_path: Path) -> None:
    given = [{"tokens": ["Ada", "slept"], "tags": None}]
    assert distil([str(teacher), str(write(tmp_path / "in.jsonl", given)), "-o", str(tmp_path / "out.jsonl")]) == 0
    (found,) = records(tmp_path / "out.jsonl")
    assert len(found["tags"]) == 2


def test_column_files_are_read_as_by_predict(teacher: Path, tmp_path: Path) -> None:
    words = ["Ada\tB-PER", "slept\tO", "", "Kiel\tB-LOC"]
    assert distil([str(teacher), str(write(tmp_path / "in.conll", words)), "-o", str(tmp_path / "out.jsonl")]) == 0
    assert [record["tokens"] for record in records(tmp_path / "out.jsonl")] == [["Ada", "slept"], ["Kiel"]]


def test_an_invalid_record_leaves_the_old_output_in_place(teacher: Path, tmp_path: Path) -> None:
    out = write(tmp_path / "out.jsonl", ["before"])
    wrong = write(tmp_path / "in.jsonl", [{"tokens": ["a"]}, {"tokens": ["a"], "tags": ["S-LOC"]}])
    assert distil([str(teacher), str(wrong), "-o", str(out)]) == 2
    assert out.read_text() == "before\n"
    assert {path.name for path in tmp_path.iterdir()} == {"in.jsonl", "out.jsonl"}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"id": "x", "tokens": ["a"], "tags": ["S-LOC"]}, "record 'x' has the tag 'S-LOC', which the teacher does not know"),
        ({"id": "x", "tokens": ["a"], "tags": ["O", "O"]}, "record 'x' has 2 tags for 1 tokens; expected one tag per token"),
        ({"id": "x"}, "in.jsonl:1: neither text nor tokens"),
    ],
)
def test_invalid_records_are_reported(
    teacher: Path, record: Mapping[str, Any], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert distil([str(teacher), str(write(tmp_path / "in.jsonl", [record])), "-o", str(tmp_path / "out.jsonl")]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--head=label"],
            "--head is 'label'; expected a head with a probability for every tag (softmax, CRF or HMM); of this teacher's heads"
            " (tags, label), these qualify: tags",
        ),
        (["--least=0.7"], "--least is 0.7; expected a probability of at least 0 and less than 0.5"),
        (["--device=abacus"], "--device is 'abacus', which is not available"),
    ],
)
def test_invalid_options_are_reported(
    teacher: Path, words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = write(tmp_path / "texts.txt", TEXTS)
    assert distil([str(teacher), str(texts), "-o", str(tmp_path / "out.jsonl"), *words]) == 2
    assert message in capsys.readouterr().err


def test_invalid_files_are_reported(teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = write(tmp_path / "texts.txt", TEXTS)
    assert distil([str(teacher), str(texts), "-o", str(texts)]) == 2
    assert distil([str(teacher), str(tmp_path / "none.txt"), "-o", str(tmp_path / "out.jsonl")]) == 2
    assert distil([str(tmp_path), str(texts), "-o", str(tmp_path / "out.jsonl")]) == 2
    err = capsys.readouterr().err
    assert "texts.txt, the input file; choose another file" in err
    assert "none.txt: cannot be read: No such file" in err
    assert "no model here" in err
    assert texts.read_text() == "".join(f"{text}\n" for text in TEXTS)


def test_a_teacher_of_nodes_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("seqlab_recnn", reason="needs seqlab-recnn for trees")
    sizes = ["data.reader.n_train=20", "data.reader.n_val=4", "data.reader.n_test=4", "encoder.width=4", "trainer.max_epochs=1"]
    run = seqlab.train(["data=sample_trees", "encoder=treelstm", "head=[nodes]", *sizes, f"hydra.run.dir={tmp_path / 'run'}"])
    texts = write(tmp_path / "in.jsonl", [{"tokens": ["fine"], "tree": ""}])
    assert distil([str(run.model), str(texts), "-o", str(tmp_path / "out.jsonl")]) == 2
    assert "the teacher labels the nodes of trees, but a student learns tags of tokens" in capsys.readouterr().err


@pytest.mark.parametrize("head", ["crf_taught", "softmax_taught"])
def test_a_student_is_a_model_of_seqlab_alone(
    teacher: Path, head: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert distil([str(teacher), str(write(tmp_path / "texts.txt", TEXTS * 3)), "-o", str(tmp_path / "data/train.jsonl")]) == 0
    run = seqlab.train([*_student(tmp_path / "data"), "data.scheme=BIO", f"head=[{head}]", f"hydra.run.dir={tmp_path / 'run'}"])
    assert "seqlab_transformers" not in (run.model / "bundle.json").read_text()
    (record,) = seqlab.load(run.model).predict(["Ada met Kiel"])
    assert len(record.predictions["tags"].labels) == 3


def _student(data: Path) -> list[str]:
    sizes = ["encoder.width=16", "optimizer.lr=0.01", "max_tokens=200", "trainer.max_epochs=2", "n_threads=1"]
    return ["experiment=distilled", f"data.dir={data}", "data.splits.val=null", "data.splits.test=null", *sizes]


@pytest.mark.slow
def test_a_student_agrees_with_its_teacher(model_folder: ModelFolder, tmp_path: Path) -> None:
    """A student trained on the same answers at the wrong tokens does not."""
    part = "embedding.parts.transformer"
    rate = f'+parameter_groups.pretrained={{parameters:["{part}.model.*"],lr:0.003}}'
    tuned = ["embedding=[transformer]", f"{part}.field.name={model_folder('bert')}", f"{part}.field.overlap=8", rate]
    task = ["heads.tags.target.column=upos", "heads.tags.target.scheme=null", f"{part}.is_frozen=false"]
    sizes = [
        "data.reader.n_train=200",
        "data.reader.n_val=20",
        "data.reader.n_test=20",
        "trainer.max_epochs=6",
        "max_tokens=200",
    ]
    options = [
        "encoder.width=24",
        "embedding.dropout.variational=0",
        "optimizer.lr=0.01",
        "n_threads=1",
        f"hydra.run.dir={tmp_path / 't'}",
    ]
    teacher = seqlab.train([*tuned, *task, *sizes, *options])
    corpus = SampleReader(corpus="tags", n_train=200, n_val=1, n_test=40, seed=9)
    texts = [" ".join(tokens) for tokens in corpus.read(Path("train"))["tokens"]]
    assert (
        distil([str(teacher.model), str(write(tmp_path / "texts.txt", texts)), "-o", str(tmp_path / "right/train.jsonl")]) == 0
    )
    (tmp_path / "wrong").mkdir()
    write(tmp_path / "wrong/train.jsonl", [_shuffled(record) for record in records(tmp_path / "right/train.jsonl")])

    unseen = corpus.read(Path("test"))["tokens"]
    expected = [label for record in seqlab.load(teacher.model).predict(unseen) for label in record.predictions["tags"].labels]
    agreement = {}
    for name in ("right", "wrong"):
        more = ["data.scheme=null", "trainer.max_epochs=6", f"hydra.run.dir={tmp_path / 'run' / name}"]
        student = seqlab.load(seqlab.train([*_student(tmp_path / name), *more]).model)
        labels = [label for record in student.predict(unseen) for label in record.predictions["tags"].labels]
        agreement[name] = sum(a == b for a, b in zip(labels, expected, strict=True)) / len(expected)
    assert len(set(expected)) > 5
    assert agreement["right"] > 0.75
    assert agreement["wrong"] < 0.6


def _shuffled(record: dict[str, Any]) -> dict[str, Any]:
    order = random.Random(0).sample(range(len(record["tags"])), k=len(record["tags"]))
    return record | {name: [record[name][i] for i in order] for name in ("tags", "teacher")}
