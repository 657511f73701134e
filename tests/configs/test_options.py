"""Every file in conf/ composes, every class it names can be imported, and what can be built is built."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from omegaconf import OmegaConf

from seqlab.config import build, compose, known_targets, locate, options_of, plain
from seqlab.data.columns import Columns
from seqlab.data.fields import Field
from seqlab.data.fields.registry import Fields
from seqlab.data.readers import Reader
from seqlab.embeddings import Embedding
from seqlab.encoders import Encoder
from seqlab.heads import Head
from seqlab.paths import config_dir
from seqlab.plugins import installed_plugins
from seqlab.testing import labelled_columns
from seqlab.testing.records import batch_of, n_steps

CONF = config_dir()
FILES = sorted(path.relative_to(CONF).as_posix() for path in CONF.rglob("*.yaml"))
NO_GROUPS = {"hydra", "paths", "local"}
"""Folders that are no choice of a part: the first two have one option that every run takes."""
GROUPS = sorted({path.split("/")[0] for path in FILES if "/" in path} - NO_GROUPS)
OPTIONS = [(group, option) for group in GROUPS for option in options_of(group)]
LISTS = ("embedding", "head", "callbacks", "logger")
"""Groups of which several options are chosen side by side."""


def choice(group: str, option: str) -> str:
    return f"{group}=[{option}]" if group in LISTS else f"{group}={option}"


def composed(*overrides: str) -> dict[str, Any]:
    """The config with these overrides, and with a value wherever one must be given."""
    config = compose(list(overrides))
    for path in missing(config):
        OmegaConf.update(config, path, "given")
    result: dict[str, Any] = plain(config)
    return result


def missing(config: Any, path: str = "") -> Iterator[str]:
    for key in config if OmegaConf.is_dict(config) else ():
        child = f"{path}.{key}".lstrip(".")
        if OmegaConf.is_missing(config, key):
            yield child
        else:
            yield from missing(config._get_node(key), child)


def targets_in(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if "_target_" in node:
            yield node["_target_"]
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from targets_in(child)


def fields_for(config: dict[str, Any]) -> tuple[Fields, Columns]:
    """The fields of a model config, fitted on records that have every column they read."""
    fields = Fields.from_config({key: config[key] for key in ("embedding", "encoder", "heads")}, targets=known_targets())
    columns = labelled_columns()
    fields.fit(columns.records)
    return fields, columns


@pytest.mark.parametrize("path", FILES)
def test_every_file_is_yaml_whose_targets_exist(path: str) -> None:
    content = yaml.safe_load((CONF / path).read_text(encoding="utf-8"))
    assert content is not None, "an empty file composes to nothing; write {}"
    for target in targets_in(content):
        assert callable(locate(target, targets=known_targets(), path=path))


@pytest.mark.parametrize("path", FILES)
def test_every_file_says_what_it_is_for(path: str) -> None:
    lines = (CONF / path).read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines if line.startswith("# ") and "@package" not in line]
    assert comments or path.startswith(("hydra/", "paths/")), "no comment at the left margin"


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_composes_to_targets_that_may_be_built(group: str, option: str) -> None:
    config = composed(choice(group, option))
    assert set(targets_in(config)) <= known_targets()


def test_the_default_config_composes_without_a_value_to_fill_in() -> None:
    assert list(missing(compose([]))) == []


@pytest.mark.parametrize("option", options_of("encoder"))
def test_every_encoder_is_built(option: str) -> None:
    encoder = build(composed(f"encoder={option}")["encoder"], targets=known_targets(), path="encoder", input_width=7)
    assert isinstance(encoder, Encoder)
    assert encoder.output_width > 0
    assert encoder.summary_width > 0


@pytest.mark.parametrize("option", options_of("embedding"))
def test_every_embedding_is_built_and_reads_a_batch(option: str, tmp_path: Path) -> None:
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("ada 1 2\n", encoding="utf-8")
    config = composed(f"embedding=[{option}]", f"vectors=[{vectors}]")
    fields, columns = fields_for({**config, "heads": {}})
    parts = build(config["embedding"]["parts"], targets=known_targets(), resolve=fields.resolve, path="embedding.parts")
    assert parts
    for part in parts.values():
        assert isinstance(part, Embedding)
        column = part.field.column
        batch = batch_of(part.field, columns, rows=[0, 1], lengths=n_steps(columns, column=column))
        assert part(batch).shape == (2, 4, part.output_width)


@pytest.mark.parametrize("option", options_of("head"))
def test_every_head_is_built_for_fields_that_it_names(option: str) -> None:
    config = composed(f"head=[{option}]", "data.scheme=BIO")
    fields, _ = fields_for({**config, "embedding": {}})
    for name, node in config["heads"].items():
        head = build(
            node,
            targets=known_targets(),
            resolve=fields.resolve,
            path=f"heads.{name}",
            input_width=6,
            summary_width=4,
        )
        assert isinstance(head, Head)
        assert isinstance(head.target, Field)


@pytest.mark.parametrize("option", options_of("optimizer"))
def test_every_optimizer_takes_a_step(option: str) -> None:
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = build(composed(f"optimizer={option}")["optimizer"], targets=known_targets(), path="optimizer")([parameter])
    assert isinstance(optimizer, torch.optim.Optimizer)
    (parameter * torch.tensor([1.0, -1.0, 2.0])).sum().backward()
    optimizer.step()
    assert (parameter != 1).all()


@pytest.mark.parametrize("option", options_of("scheduler"))
def test_every_scheduler_is_made_for_an_optimizer(option: str) -> None:
    scheduler = build(composed(f"scheduler={option}")["scheduler"], targets=known_targets(), path="scheduler")
    if option == "constant":
        assert scheduler == {}
        return
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    made = scheduler["factory"](optimizer)
    assert hasattr(made, "step")
    assert set(scheduler) <= {"factory", "interval", "frequency", "monitor", "strict", "name"}


@pytest.mark.parametrize("option", options_of("callbacks"))
def test_every_callback_is_built(option: str, tmp_path: Path) -> None:
    config = composed(f"callbacks=[{option}]", f"hydra.run.dir={tmp_path}", "monitor=val/loss")
    callbacks = build(config["callbacks"], targets=known_targets(), path="callbacks")
    assert bool(callbacks) == (option != "none")


@pytest.mark.parametrize("option", options_of("logger"))
def test_every_logger_is_built_where_its_extra_is_installed(option: str, tmp_path: Path) -> None:
    config = composed(f"logger=[{option}]", f"hydra.run.dir={tmp_path}", f"paths.root_dir={tmp_path}")
    extras = {"tensorboard", "mlflow", "wandb"} & set(config["logger"])
    absent = sorted(name for name in extras if importlib.util.find_spec(name) is None)
    if absent or "mlflow" in extras:
        pytest.skip(f"{', '.join(absent or extras)} not installed, or opens a database")
    loggers = build(config["logger"], targets=known_targets(), path="logger")
    assert bool(loggers) == (option != "none")


@pytest.mark.parametrize("option", options_of("data"))
def test_every_reader_is_built(option: str) -> None:
    config = composed(f"data={option}")["data"]
    reader = build(config["reader"], targets=known_targets(), path="data.reader")
    assert isinstance(reader, Reader)
    assert set(config["splits"]) == {"train", "val", "test"}
    assert {"dir", "holdout", "scheme"} <= set(config)


@pytest.mark.parametrize("option", [o for o in options_of("trainer") if o in ("default", "cpu")])
def test_every_trainer_of_this_machine_is_built(option: str, tmp_path: Path) -> None:
    config = composed(f"trainer={option}", f"hydra.run.dir={tmp_path}", "trainer.accelerator=cpu")
    trainer = build(config["trainer"], targets=known_targets(), path="trainer", callbacks=[], logger=False)
    assert trainer.max_epochs == config["trainer"]["max_epochs"]


@pytest.mark.parametrize("option", options_of("experiment"))
def test_every_experiment_makes_a_model(option: str) -> None:
    config = composed(f"experiment={option}")
    assert config["heads"]
    assert config["embedding"]["parts"]
    assert config["task_name"] == option


def test_options_of_seqlab_and_plugins_are_distinct() -> None:
    own = {path.removesuffix(".yaml") for path in FILES}
    for plugin in installed_plugins():
        assert not own & set(plugin.options())
