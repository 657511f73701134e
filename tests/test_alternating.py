"""Runs on several data sets: what each head learns from, that they can be had again bit for bit, and what they leave."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

import seqlab
from seqlab.cli import main
from seqlab.cli.results import print_run
from seqlab.config import compose, known_targets
from seqlab.errors import ConfigError, DataError, SeqlabError
from seqlab.labeler import Labeler
from seqlab.module import LabelerModule, flat_scores
from seqlab.preparation import prepare
from seqlab.training import Run, train

TINY = (
    "embedding=[words]",
    "embedding.parts.words.width=6",
    "embedding.dropout.variational=0.2",
    "encoder.width=6",
    "max_tokens=64",
    "max_eval_tokens=64",
    "trainer.max_epochs=3",
    "n_threads=1",
    "seed=1",
)


def sized(path: str, *, n_train: int = 60) -> list[str]:
    return [f"{path}.reader.n_train={n_train}", f"{path}.reader.n_val=12", f"{path}.reader.n_test=10"]


HEADS = (
    "head=[crf,sequence]",
    "heads.label.target.column=kind",
    "data.sets.news.scheme=BIO",
)
TWO = (
    *TINY,
    "data=alternating",
    "+data@data.sets.news=sample",
    "+data@data.sets.requests=sample_intents",
    *sized("data.sets.news"),
    *sized("data.sets.requests", n_train=30),
    *HEADS,
    "+data.sets.news.heads=[tags]",
    "+data.sets.requests.heads=[label]",
    "+data.sets.requests.columns={kind:label}",
)
"""Entities of sentences and intents of requests."""


def run(folder: Path, overrides: Sequence[str] = (), *, base: Sequence[str] = TWO) -> Run:
    return train([*base, f"hydra.run.dir={folder}", *overrides])


def prepared(*overrides: str) -> Any:
    start = prepare(compose(["paths.run_dir=.", *TWO, *overrides]), targets=known_targets())
    return start, start.encoded()


def weights(finished: Run) -> bytes:
    return (finished.model / "weights.safetensors").read_bytes()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(tmp_path_factory.mktemp("alternating") / "run")


def test_a_batch_teaches_the_heads_of_its_set_and_no_other() -> None:
    start, encoded = prepared()
    losses = {}
    for row, name in ((0, "news"), (len(encoded["train"].parts["news"]), "requests")):
        batch = encoded["train"].batch(torch.tensor([row]).numpy())
        assert batch.data_set == name
        losses[name] = start.labeler.losses(batch)
    assert {name: set(found) for name, found in losses.items()} == {"news": {"tags"}, "requests": {"label"}}
    losses["requests"]["label"].backward()
    assert all(parameter.grad is None for parameter in start.labeler.heads["tags"].parameters())
    assert any(parameter.grad is not None for parameter in start.labeler.encoder.parameters())


def test_words_are_those_of_all_sets_and_labels_those_of_their_own() -> None:
    start, _ = prepared()
    words = next(field for field in start.fields if field.column == "tokens")
    known = set(words.state()[next(key for key in words.state() if isinstance(words.state()[key], list))])
    own = {name: {w for tokens in s["train"]["tokens"] for w in tokens} for name, s in start.sets.items()}
    for name, other in (("news", "requests"), ("requests", "news")):
        assert known & {word.lower() for word in own[name] - own[other]}, name
    spans = {tag.partition("-")[2] for tag in start.labeler.heads["tags"].target.tags} - {""}
    tags = {name: {tag[2:] for tags in s["train"]["tags"] for tag in tags} - {""} for name, s in start.sets.items()}
    assert spans == tags["news"] != tags["requests"]
    assert set(start.labeler.heads["label"].target.labels) == set(start.sets["requests"]["train"]["kind"])


def test_scores_are_those_of_each_heads_set(finished: Run) -> None:
    metrics = json.loads((finished.folder / "metrics.json").read_text())
    for split in ("val", "test"):
        assert set(metrics[split]) == {"tags", "label"}
        assert "span_f1" in metrics[split]["tags"]
    assert metrics["training"]["monitor"] == "val/mean"
    main_scores = [metrics["val"]["tags"]["span_f1"]["strict"], metrics["val"]["label"]["accuracy"]]
    assert metrics["training"]["best"] == pytest.approx(sum(main_scores) / 2)


def test_predictions_are_left_by_set(finished: Run) -> None:
    for name, head in (("news", "tags"), ("requests", "label")):
        lines = (finished.folder / "predictions" / name / "test.jsonl").read_text("utf-8").splitlines()
        assert len(lines) == 10
        assert {tuple(json.loads(line)["predictions"]) for line in lines} == {(head,)}


def test_the_same_seed_gives_the_same_bits(finished: Run, tmp_path: Path) -> None:
    again = run(tmp_path / "again")
    assert weights(again) == weights(finished)
    assert again.metrics == finished.metrics
    assert weights(run(tmp_path / "other", ["seed=2"])) != weights(finished)


class Killed(BaseException):
    """What happens to a process in the middle of an epoch."""


@pytest.mark.parametrize("overrides", [[], ["data.temperature=5", "+data.sets.requests.weight=2"]])
def test_a_run_killed_and_resumed_equals_the_unbroken_one(tmp_path: Path, overrides: list[str]) -> None:
    unbroken = run(tmp_path / "unbroken", overrides)
    step = LabelerModule.training_step

    def training_step(self: LabelerModule, batch: Any, batch_idx: int) -> Any:
        if self.current_epoch == 1 and batch_idx == 2:
            raise Killed
        return step(self, batch, batch_idx)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(LabelerModule, "training_step", training_step)
        with pytest.raises(Killed, match=r"^$"):
            run(tmp_path / "killed", overrides)
    checkpoint = tmp_path / "killed" / "checkpoints" / "last.ckpt"
    resumed = run(tmp_path / "resumed", [*overrides, f"ckpt_path={checkpoint}"])
    assert weights(resumed) == weights(unbroken)
    assert resumed.metrics == unbroken.metrics


def test_one_set_alone_is_plain_data(tmp_path: Path) -> None:
    plain = run(tmp_path / "plain", base=[*TINY, "data=sample", *sized("data")])
    named = ["data=alternating", "+data@data.sets.only=sample", *sized("data.sets.only")]
    alone = run(tmp_path / "alone", base=[*TINY, *named])
    assert weights(alone) == weights(plain)
    assert alone.metrics == plain.metrics
    predictions = [alone.folder / "predictions" / "only" / "test.jsonl", plain.folder / "predictions" / "test.jsonl"]
    assert predictions[0].read_bytes() == predictions[1].read_bytes()


def evaluated(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    capsys.readouterr()
    assert main(["evaluate", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_bundle_scores_each_set_on_its_own_split(finished: Run, capsys: pytest.CaptureFixture[str]) -> None:
    expected = json.loads(json.dumps(finished.metrics["test"]))
    assert evaluated(capsys, finished.folder) == expected
    one = evaluated(capsys, finished.folder, "--data-set", "requests")
    assert one == {"label": expected["label"]}
    assert set(evaluated(capsys, finished.folder, "--split", "val")) == {"tags", "label"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data-set", "ewt"], "--data-set is 'ewt'; the model was trained on news, requests"),
        (["test"], "choose whose heads to score on test: --data-set news or --data-set requests"),
        (["--format", "alternating"], "--format is 'alternating', which is no format of files"),
    ],
)
def test_what_cannot_be_scored_is_told(
    finished: Run, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["evaluate", str(finished.folder), *words]) == 2
    assert message in capsys.readouterr().err


def test_the_bundle_runs_all_heads_on_any_text(finished: Run) -> None:
    tagger = seqlab.load(finished.model)
    assert tagger.columns == ["tokens"]
    (record,) = tagger.predict(["Maria Lindqvist flew to Oslo ."])
    assert {name: len(found.labels) for name, found in record.predictions.items()} == {"tags": 6, "label": 1}
    read = tagger.predict([json.loads(line)["tokens"] for line in _lines(finished, "requests")])
    given = [json.loads(line)["predictions"]["label"]["labels"] for line in _lines(finished, "requests")]
    assert [one.predictions["label"].labels for one in read] == given


def _lines(finished: Run, name: str) -> list[str]:
    return (finished.folder / "predictions" / name / "test.jsonl").read_text("utf-8").splitlines()


def test_a_run_ends_with_examples_of_each_set(finished: Run, capsys: pytest.CaptureFixture[str]) -> None:
    print_run(finished, n_examples=1)
    out = capsys.readouterr().out
    assert "labelled test records of news" in out
    assert "labelled test records of requests" in out
    card = (finished.model / "README.md").read_text("utf-8")
    assert "- `requests`, for `label`: Reader `seqlab.data.sample.SampleReader`" in card


def test_temperatures_are_fitted_to_every_heads_own_records(finished: Run) -> None:
    labeler: Labeler = seqlab.load(finished.model).bundle.labeler
    fitted = {n: [m.value.item() for m in h.modules() if type(m).__name__ == "Temperature"] for n, h in labeler.heads.items()}
    assert all(values and values != [1.0] for values in fitted.values()), fitted


def test_a_head_that_several_sets_serve_is_scored_on_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = [word for word in TWO if not word.startswith(("+data.sets.news.heads", "head=", "heads.", "+data.sets.requests"))]
    shared = run(tmp_path / "run", ["head=[sequence]", "trainer.max_epochs=1"], base=base)
    assert set(shared.metrics["test"]) == {"label@news", "label@requests"}
    assert shared.monitored == pytest.approx(sum(s["accuracy"] for s in shared.metrics["val"].values()) / 2)
    again = evaluated(capsys, shared.folder)
    assert list(again) == list(shared.metrics["test"])
    for name, scores in shared.metrics["test"].items():
        assert flat_scores(again[name]) == pytest.approx(flat_scores(scores), abs=1e-6), name
    print_run(shared, n_examples=1)
    assert "test, label@news" in capsys.readouterr().out


@pytest.mark.parametrize("overrides", [["debug=fdr"], ["debug=limit"], ["debug=overfit"], ["max_tokens=1"]])
def test_runs_may_be_cut_short(tmp_path: Path, overrides: list[str]) -> None:
    assert set(run(tmp_path / "run", [*overrides, "trainer.max_epochs=1"]).metrics["val"]) == {"tags", "label"}


def test_a_set_without_a_test_split_has_no_test_scores(tmp_path: Path) -> None:
    short = run(tmp_path / "run", ["data.sets.news.splits.test=null", "trainer.max_epochs=1"])
    assert set(short.metrics["test"]) == {"label"}
    assert set(short.metrics["val"]) == {"tags", "label"}


@pytest.mark.parametrize("monitor", ["val/tags/span_f1/strict", "val/label/accuracy", "val/mean"])
def test_any_score_or_their_mean_may_be_watched(tmp_path: Path, monitor: str) -> None:
    watched = run(tmp_path / "run", [f"monitor={monitor}", "trainer.max_epochs=1"])
    assert watched.monitored is not None
    assert f"monitor: {monitor}" in (watched.folder / "config.yaml").read_text("utf-8")


def test_describe_takes_several_sets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", *TWO]) == 0
    assert "heads.label" in capsys.readouterr().out


NAMED = "data.sets"


@pytest.mark.parametrize(
    ("overrides", "error", "message"),
    [
        (["~data.sets.news", "~data.sets.requests"], ConfigError, r"data\.sets is empty; .*\+data@data\.sets\.NAME=conll"),
        (["+data@data.sets.news=sample_intents"], ConfigError, r"data\.sets\.news"),
        (["data.sets.news.heads=[tags,intent]"], ConfigError, r"data\.sets\.news\.heads names 'intent'; expected some of tags"),
        (["data.sets.news.heads=[label]"], DataError, r"data\.sets\.news\.heads names 'label', .*column 'kind', but"),
        (["data.sets.requests.heads=[]"], ConfigError, r"heads\.label learns column 'kind', but no data set serves it"),
        (["data.sets.requests.heads=[label]", "head=[sequence]"], ConfigError, r"data\.sets\.news\.heads names 'tags'"),
        (["heads.label.target.column=label", "~data.sets.requests.columns"], None, ""),
        (
            ["heads.tags.target.scheme=BIOES"],
            ConfigError,
            r"target\.scheme is BIOES, but data\.sets\.news\.scheme",
        ),
        (
            ["data.sets.news.scheme=null"],
            ConfigError,
            r"target\.scheme is BIO, but data\.sets\.news\.scheme is null",
        ),
        (["data.sets.requests.columns={kind:intent}"], DataError, r"data\.sets\.requests\.columns names 'intent', but its rec"),
        (["+data.sets.news.head=[tags]"], ConfigError, r"data\.sets\.news\.head: nothing reads it; a data set has reader, dir"),
        (["~data.sets.news.holdout"], ConfigError, r"data\.sets\.news lacks holdout; start from an option of conf/data"),
        (["data.temperature=0"], ConfigError, r"data\.temperature is 0; expected a number above 0"),
        (["data.sets.news.splits.train=null"], ConfigError, r"data\.sets\.news\.splits\.train is null; expected a file"),
        (["data.sets.news.holdout=2", "data.sets.news.splits.val=null"], ConfigError, r"data\.sets\.news\.holdout is 2"),
        (["monitor=val/tags/accuracyy"], ConfigError, r"val/tags/accuracyy.*did you mean val/tags/accuracy\?; there.*val/mean"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, overrides: list[str], error: type[SeqlabError] | None, message: str) -> None:
    words = [*overrides, "trainer.max_epochs=1"]
    if error is None:
        assert run(tmp_path / "run", words).metrics
        return
    with pytest.raises(error, match=message):
        run(tmp_path / "run", words)


def test_heads_of_different_sets_must_learn_different_columns(tmp_path: Path) -> None:
    path = "seqlab.heads.SequenceHead"
    target = "{_target_:seqlab.data.fields.LabelField,column:label}"
    more = f"+heads.intent={{_target_:{path},target:{target},pooling:mean,drop_prob:0.0}}"
    overrides = ["heads.label.target.column=label", more, "~data.sets.requests.columns"]
    claimed = ["data.sets.news.heads=[tags,label]", "data.sets.requests.heads=[intent]"]
    told = r"heads\.label of news and heads\.intent of requests learn the same column 'label'; .*columns=\{intent: label\}"
    with pytest.raises(ConfigError, match=told):
        run(tmp_path / "run", [*overrides, *claimed])
