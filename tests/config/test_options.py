"""Every option of every config group composes, and builds what it describes."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
import yaml
from datasets import Dataset

from seqlab.config.build import build, known_targets
from seqlab.config.compose import MODEL_KEYS, compose, plain
from seqlab.config.paths import config_dir
from seqlab.data.annotations import TOOLS
from seqlab.data.fields.registry import Fields
from seqlab.data.multitask.data_sets import set_configs, set_path, turns_of
from seqlab.data.splits import read_splits
from seqlab.model.labeler import Labeler, build_labeler

SMALL = ["data.reader.n_train=20", "data.reader.n_val=5", "data.reader.n_test=5"]
NEEDS = {"wandb": "wandb", "tensorboard": "tensorboard", "many_loggers": "tensorboard"}
REQUIRED = {
    **{tool: ["data.dir=d"] for tool in TOOLS},
    "cmudict": ["data.dir=d"],
    "conll": ["data.dir=d"],
    "conllu": ["data.dir=d"],
    "conllu_characters": ["data.dir=d"],
    "csv": ["data.dir=d"],
    "frames": ["data.dir=d", "data.reader.frame_columns=[a]"],
    "hub": ["data.name=n"],
    "jsonl": ["data.dir=d"],
    "lines": ["data.dir=d"],
    "pairs": ["data.dir=d"],
    "parquet": ["data.dir=d"],
    "spoken_digits": ["data.dir=d"],
}


def options_of(group: str) -> list[str]:
    """Return the options that seqlab itself has, whatever plugins are installed: those have tests of their own."""
    return sorted(path.stem for path in (config_dir() / group).glob("*.yaml"))


def settings_of(*overrides: str) -> dict[str, Any]:
    settings: dict[str, Any] = plain(compose(["paths.run_dir=.", *overrides]))
    return settings


def labeler_of(*overrides: str) -> Labeler:
    """Return the labeler of a small sample corpus, fields fitted."""
    settings = settings_of(*SMALL, *overrides)
    splits = read_splits(settings["data"], targets=known_targets(), seed=0)
    records = splits["train"]
    if settings["heads"].get("label", {}).get("_target_", "").endswith("MultiLabelHead"):
        several = [[label] for label in records["label"]]
        records = Dataset.from_dict({**records.remove_columns("label").to_dict(), "label": several})
    fields = Fields.from_config({key: settings[key] for key in MODEL_KEYS}, targets=known_targets())
    fields.fit(records)
    labeler = build_labeler(settings, fields=fields, targets=known_targets())
    encoded = fields.encode(records)
    losses = labeler.losses(encoded.batch(np.arange(4)))
    assert losses
    assert all(bool(loss.isfinite()) for loss in losses.values())
    return labeler


def test_every_group_is_covered() -> None:
    groups = {path.name for path in config_dir().iterdir() if path.is_dir()}
    assert groups == {
        *("data", "embedding", "encoder", "head"),
        *("optimizer", "scheduler", "regularizer", "trainer", "callbacks", "logger"),
        *("debug", "experiment", "hydra", "paths"),
    }, "a new group needs a test here"


@pytest.mark.parametrize("option", [option for option in options_of("data") if option != "alternating"])
def test_readers_build(option: str) -> None:
    settings = settings_of(f"data={option}", *REQUIRED.get(option, []))
    reader = build(settings["data"]["reader"], targets=known_targets(), path="data.reader")
    assert callable(reader.read)
    assert set(settings["data"]) >= {"reader", "dir", "splits", "holdout", "scheme"}


@pytest.mark.parametrize("option", [option for option in options_of("data") if option != "alternating"])
def test_readers_build_as_one_of_several_data_sets(option: str) -> None:
    required = [word.replace("data.", "data.sets.one.") for word in REQUIRED.get(option, [])]
    data = settings_of("data=alternating", "head=[sequence]", f"+data@data.sets.one={option}", *required)["data"]
    assert callable(build(set_configs(data)["one"]["reader"], targets=known_targets(), path="data.sets.one.reader").read)
    assert turns_of(data).counts({"one": 7}) == {"one": 7}


# `tests/data/pretrained/test_fasttext.py` builds that of a fastText model
@pytest.mark.parametrize("option", sorted({*options_of("embedding")} - {"fasttext"}))
def test_embeddings_build(option: str, tmp_path: Path) -> None:
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("the 0.5 1.0\nof -0.5 2.0\n")
    overrides = [f"embedding=[{option}]", f"vectors=[{vectors}]"]
    if option == "word_ids":
        overrides += ["head=[hmm]", "encoder=identity", "embedding.dropout.variational=0"]
    if option == "frames":
        overrides += ["data=sample_frames", "head=[sequence]", "heads.label.target.column=id"]
    if option == "gazetteers":
        overrides += [f"++embedding.parts.gazetteers.field.paths={{X: {vectors}}}"]
    labeler = labeler_of(*overrides)
    assert len(labeler.embedding.parts) >= 1


@pytest.mark.parametrize("option", options_of("encoder"))
def test_encoders_build(option: str) -> None:
    assert labeler_of(f"encoder={option}").encoder.output_width > 0


@pytest.mark.parametrize("option", options_of("head"))
def test_heads_build(option: str) -> None:
    corpus = "sample" if option in ("biaffine", "segment", "semi_markov") else "sample_intents"
    corpus = "sample_pairs" if option in ("relatedness", "entailment") else corpus
    overrides = [f"data={corpus}", f"head=[{option}]"]
    if option in ("ctc", "hmm_hybrid"):
        overrides.append("heads.labels.target.column=tags")  # any lists of strings will do
    if option == "hmm":
        overrides += ["embedding=[word_ids]", "encoder=identity", "embedding.dropout.variational=0"]
    assert len(labeler_of(*overrides).heads) == 1


@pytest.mark.parametrize(
    ("optimizer", "scheduler"),
    [
        # hessian_free reads more than a loss: `tests/training/hessian_free` trains with it
        *((o, "constant") for o in sorted({*options_of("optimizer")} - {"hessian_free"})),
        *(("sgd", s) for s in options_of("scheduler") if s != "constant"),
    ],
)
def test_optimizers_and_schedulers_step(optimizer: str, scheduler: str) -> None:
    settings = settings_of(f"optimizer={optimizer}", f"scheduler={scheduler}", "monitor=val/x")
    weights = torch.nn.Linear(2, 1)
    made = build(settings["optimizer"], targets=known_targets(), path="optimizer")(weights.parameters())
    schedule = build(settings["scheduler"], targets=known_targets(), path="scheduler")
    rates = schedule["factory"](made) if schedule else None
    before = weights.weight.detach().clone()

    def loss() -> torch.Tensor:
        made.zero_grad()
        value = weights(torch.ones(1, 2)).square().sum()
        value.backward()
        return value

    for _ in range(3):
        made.step(loss)
    assert scheduler.startswith("warmup") or not torch.equal(weights.weight, before)
    if rates:
        rates.step(0.5) if isinstance(rates, torch.optim.lr_scheduler.ReduceLROnPlateau) else rates.step()
        assert schedule["interval"] in ("step", "epoch")


def test_no_regularizer_is_an_option_as_in_other_groups() -> None:
    assert settings_of("regularizer=none")["regularizers"] == {} == settings_of()["regularizers"]


@pytest.mark.parametrize("option", sorted({*options_of("regularizer")} - {"none"}))
def test_regularizers_build_and_attach(option: str) -> None:
    settings = settings_of(f"regularizer={option}")
    (made,) = build(settings["regularizers"], targets=known_targets(), path="regularizers").values()
    made.attach(labeler_of("encoder=rnn"))
    assert made(torch.ones((), requires_grad=True)).item() == 0


@pytest.mark.parametrize("option", options_of("callbacks"))
def test_callbacks_build(option: str) -> None:
    settings = settings_of(f"callbacks={option}", "monitor=val/x")
    callbacks = build(settings.get("callbacks") or {}, targets=known_targets(), path="callbacks")
    assert all(isinstance(callback, pl.Callback) for callback in callbacks.values())
    assert (option == "none") == (not callbacks)


@pytest.mark.parametrize("option", [option for option in options_of("logger") if option != "mlflow"])  # trains in test_trackers
def test_loggers_build(option: str, tmp_path: Path) -> None:
    package = NEEDS.get(option)
    if package and not importlib.util.find_spec(package):
        pytest.skip(f"needs the extra {package}")
    settings = settings_of(f"logger={option}", f"paths.run_dir={tmp_path}", f"paths.root_dir={tmp_path}")
    loggers = build(settings.get("logger") or {}, targets=known_targets(), path="logger")
    assert all(isinstance(logger, pl.loggers.Logger) for logger in loggers.values())
    assert (option == "none") == (not loggers)


@pytest.mark.parametrize("option", options_of("trainer"))
def test_trainers_take_their_options(option: str) -> None:
    node = settings_of(f"trainer={option}")["trainer"]
    if node["accelerator"] not in ("cpu", "auto"):
        node = {**node, "_partial_": True}  # its device may not be in this machine
    trainer = build(node, targets=known_targets(), path="trainer")
    assert callable(trainer) or isinstance(trainer, pl.Trainer)


@pytest.mark.parametrize("option", options_of("debug"))
def test_debug_options_shorten_the_run(option: str) -> None:
    trainer = settings_of(f"debug={option}")["trainer"]
    limits = {"fast_dev_run": False, "limit_train_batches": 1.0, "overfit_batches": 0.0, "max_epochs": 30}
    assert any(trainer.get(name, usual) != usual for name, usual in limits.items())


@pytest.mark.parametrize("option", options_of("experiment"))
def test_experiments_compose_and_name_themselves(option: str) -> None:
    dirs = ["data.sets.ewt.dir=d", "data.sets.wnut17.dir=d"] if option == "ewt_wnut17" else ["data.dir=d"]
    settings = settings_of(f"experiment={option}", *dirs)
    assert settings["task_name"] == option
    assert settings["heads"]
    for name, data in set_configs(settings["data"]).items():
        build(data["reader"], targets=known_targets(), path=f"{set_path(name)}.reader")
    build(settings["optimizer"], targets=known_targets(), path="optimizer")


def targets_written(node: object) -> set[str]:
    found = set()
    if isinstance(node, dict):
        found = {node["_target_"]} if "_target_" in node else set()
        node = list(node.values())
    if isinstance(node, list):
        found = found.union(*map(targets_written, node)) if node else found
    return found


def test_the_allow_list_is_what_the_files_name() -> None:
    files = config_dir().rglob("*.yaml")
    written = set().union(*(targets_written(yaml.safe_load(path.read_text())) for path in files))
    assert known_targets() >= written
    assert {target for target in known_targets() if target.startswith("seqlab.")} == {
        target for target in written if target.startswith("seqlab.")
    }


def test_a_list_of_options_is_the_sum_of_its_options() -> None:
    both = settings_of("head=[crf,sequence]", "data=sample_intents")["heads"]
    assert both == {
        **settings_of("head=[crf]", "data=sample_intents")["heads"],
        **settings_of("head=[sequence]", "data=sample_intents")["heads"],
    }


def test_parts_of_a_chain_are_exchanged_and_added() -> None:
    one = labeler_of("encoder=chain", "encoder@encoder.parts.recurrent=gru").encoder
    assert type(one.parts["recurrent"].layers[0].cells[0]).__name__ == "GruCell"
    two = labeler_of("encoder=chain", "+encoder@encoder.parts.more=rnn", "+encoder.parts.more._partial_=true").encoder
    assert list(two.parts) == ["recurrent", "output", "more"]
