import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from omegaconf.errors import InterpolationKeyError, MissingMandatoryValue

from seqlab.config.build import build, known_targets, locate
from seqlab.config.compose import MODEL_GROUPS, compose, options_of, plain
from seqlab.data.fields import CategoryField
from seqlab.errors import ConfigError

LINEAR, EMBEDDING, GRU = "torch.nn.Linear", "torch.nn.Embedding", "torch.nn.GRU"
FIELD = {"_target_": "seqlab.data.fields.CategoryField", "column": "tokens", "view": "lower", "min_count": 1}
TARGETS = frozenset({LINEAR, EMBEDDING, GRU, FIELD["_target_"], "torch.nn.Sequential", "collections.OrderedDict"})


def built(node: object, **arguments: object) -> Any:
    return build(node, targets=TARGETS, path="part", **arguments)


def test_build_constructs_what_a_target_names() -> None:
    linear = built({"_target_": LINEAR, "in_features": 2, "out_features": 3})
    assert isinstance(linear, torch.nn.Linear)
    assert linear.weight.shape == (3, 2)


def test_build_constructs_at_any_depth_and_keeps_the_rest() -> None:
    node = {"one": [FIELD, 3, None], "two": {"three": FIELD, "four": "text"}}
    found = built(node)
    assert isinstance(found["one"][0], CategoryField)
    assert isinstance(found["two"]["three"], CategoryField)
    assert found["one"][1:] == [3, None]
    assert found["two"]["four"] == "text"


def test_build_constructs_the_innermost_first() -> None:
    node = {"_target_": "collections.OrderedDict", "inner": FIELD}
    assert isinstance(built(node)["inner"], CategoryField)


def test_build_passes_arguments_to_the_outermost_alone() -> None:
    node = {"_target_": LINEAR, "out_features": 3, "bias": False}
    assert built(node, in_features=2).in_features == 2
    with pytest.raises(ConfigError, match=r"part\.inner lacks in_features, which Linear needs"):
        built({"inner": node}, in_features=2)


def test_a_partial_is_called_later_with_more_arguments() -> None:
    factory = built({"_target_": GRU, "_partial_": True, "batch_first": True})
    layer = factory(2, 3)
    assert (layer.input_size, layer.hidden_size, layer.batch_first) == (2, 3, True)


def test_resolve_may_hand_back_another_object() -> None:
    fitted = CategoryField(column="tokens", view="lower", min_count=1)
    node = {"_target_": "collections.OrderedDict", "field": FIELD}
    found = build(node, targets=TARGETS, resolve=lambda made: fitted if isinstance(made, CategoryField) else made)
    assert found["field"] is fitted


def test_keys_of_hydra_reach_no_constructor() -> None:
    node = {"_target_": LINEAR, "in_features": 2, "out_features": 3, "_convert_": "all", "_recursive_": False}
    assert built({**node, "_args_": [1, 2, 3]}).in_features == 2


def test_interpolations_and_strings_are_values() -> None:
    assert built({"a": "${oc.env:HOME}", "b": ["${x}"]}) == {"a": "${oc.env:HOME}", "b": ["${x}"]}
    field = built({**FIELD, "column": "${oc.env:HOME}"})
    assert field.column == "${oc.env:HOME}"


@pytest.mark.parametrize(
    "target", ["os.system", "torch.nn", "torch.nn.linear", "torch.nn.Linear ", "torch.nn.modules.linear.Linear", "", "Linear"]
)
@pytest.mark.parametrize("is_partial", [False, True])
def test_the_list_of_targets_is_exact(target: str, is_partial: bool) -> None:
    node = {"_target_": target, "_partial_": is_partial, "in_features": 2, "out_features": 3}
    with pytest.raises(ConfigError, match=rf"part\._target_ is '{target}', which no config file of seqlab or an installed"):
        built(node)


@pytest.mark.parametrize("target", [None, 3, ["torch.nn.Linear"], {"a": 1}])
def test_a_target_that_is_no_name_is_refused(target: object) -> None:
    with pytest.raises(ConfigError, match=r"part\._target_ is "):
        built({"_target_": target})


def test_a_mistyped_target_is_reported_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"'torch\.nn\.Liner'.*; did you mean torch\.nn\.Linear"):
        locate("torch.nn.Liner", targets=TARGETS, path="part")


def test_an_unknown_argument_is_reported_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"part\.out_feature is not an option of Linear; did you mean out_features\?"):
        built({"_target_": LINEAR, "in_features": 2, "out_feature": 3})
    with pytest.raises(ConfigError, match=r"part\.colour is not an option of Linear \(it takes in_features, "):
        built({"_target_": LINEAR, "_partial_": True, "colour": 3})


def test_a_missing_argument_is_named_with_the_override_to_type() -> None:
    with pytest.raises(ConfigError, match=r"part lacks in_features, out_features, .*; set part\.in_features=…"):
        built({"_target_": LINEAR})


def test_a_constructor_that_refuses_its_values_is_named() -> None:
    with pytest.raises(ConfigError, match=r"part\.in_features is 'two'; expected a whole number"):
        built({"_target_": LINEAR, "in_features": "two", "out_features": 3})
    with pytest.raises(ConfigError, match=r"part: Linear does not take these options: .*dimension -2"):
        built({"_target_": LINEAR, "in_features": 3, "out_features": -2})
    factory = built({"_target_": GRU, "_partial_": True})
    with pytest.raises(ConfigError, match=r"part: GRU .*"):
        factory(2, -1)


def test_known_targets_are_those_of_the_config_files() -> None:
    for path in (Path(__file__).parents[2] / "conf").rglob("*.yaml"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if "_target_:" in line and not line.lstrip().startswith("#"):
                target = line.split("_target_:")[1].split(",")[0].strip(" }")
                assert target in known_targets(), f"{path}: {target}"


def test_model_targets_leave_out_everything_else() -> None:
    model = known_targets(MODEL_GROUPS)
    assert {"seqlab.embeddings.EmbeddingLayer", "seqlab.encoders.RecurrentEncoder", "seqlab.encoders.LstmCell"} < model
    assert {"seqlab.heads.CrfTokenHead", "seqlab.data.fields.TagField"} < model
    others = known_targets() - model
    assert {"pytorch_lightning.Trainer", "torch.optim.AdamW", "seqlab.data.readers.ConllReader"} < others
    assert all(target.startswith(("seqlab.", "seqlab_")) for target in model), model


def test_options_are_the_files_of_a_group() -> None:
    assert {"lstm", "gru", "rnn", "identity"} <= set(options_of("encoder"))
    assert options_of("no_such_group") == []


def test_compose_fills_in_the_run_folder_and_leaves_hydra_out(tmp_path: Path) -> None:
    config = compose([f"hydra.run.dir={tmp_path}/run", "data.dir=somewhere"])
    assert config.paths.run_dir == str(tmp_path / "run")
    assert "hydra" not in config
    assert plain(config)["data"]["dir"] == "somewhere"


def test_a_relative_run_folder_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Path(compose(["hydra.run.dir=here"]).paths.run_dir) == Path(os.path.realpath(tmp_path)) / "here"
    assert Path(compose([]).paths.run_dir).is_relative_to(Path(os.path.realpath(tmp_path)) / "runs")


def test_composing_again_and_again_starts_afresh() -> None:
    assert compose(["encoder=gru", "seed=7"]).seed == 7
    assert compose([]).seed != 7


def test_plain_resolves_and_refuses_what_is_missing() -> None:
    assert plain(OmegaConf.create({"a": 1, "b": "${a}", "c": ["${a}"]})) == {"a": 1, "b": 1, "c": [1]}
    assert plain({"a": "${b}"}) == {"a": "${b}"}
    with pytest.raises(MissingMandatoryValue, match=r"dir"):
        plain(OmegaConf.create({"dir": "???"}))
    with pytest.raises(InterpolationKeyError, match=r"nowhere"):
        plain(OmegaConf.create({"a": "${nowhere}"}))


def test_vectors_are_the_paths_of_the_vector_field() -> None:
    config = plain(compose(["embedding=[words,vectors]", "vectors=[a.txt,b.gz]"]))
    assert config["embedding"]["parts"]["vectors"]["field"]["paths"] == ["a.txt", "b.gz"]
    assert plain(compose(["embedding=[words,vectors]"]))["embedding"]["parts"]["vectors"]["field"]["paths"] == []


def test_options_side_by_side_are_added_up() -> None:
    config = plain(compose(["embedding=[words,shapes,char_lstm]", "head=[crf,sequence]"]))
    assert list(config["embedding"]["parts"]) == ["words", "shapes", "characters"]
    assert list(config["heads"]) == ["tags", "label"]


def test_build_gives_the_same_whatever_wraps_it() -> None:
    assert isinstance(built({"_target_": GRU, "_partial_": True}), partial)


def test_a_package_that_is_not_installed_is_named_with_its_extra() -> None:
    def needs() -> None:
        raise ModuleNotFoundError("Requirement 'wandb' not met")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CategoryField, "__init__", lambda self, *, column, view, min_count: needs())
        with pytest.raises(ConfigError, match=r"logger.wandb: CategoryField needs .*'wandb' not met.*seqlab\[wandb\]"):
            build(FIELD, targets=TARGETS, path="logger.wandb")


@pytest.mark.parametrize(
    ("value", "message"),
    [("2", r"part.min_count is '2'; expected a whole number"), (True, r"part.min_count is True"), (None, r"min_count is None")],
)
def test_values_of_another_kind_are_refused(value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        built({**FIELD, "min_count": value})


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["encoder.cell.gate_activation=tanhh"], r"^encoder\.cell: activation is 'tanhh'; expected one of"),
        (["encoder.cell.input_init=glorrot"], r"^encoder\.cell: .*'glorrot'"),
        (["encoder.dropout_kind=none"], r"^encoder: dropout kind is 'none'; expected one of"),
        (["encoder.width=0"], r"^encoder\.width is 0"),
    ],
)
def test_a_part_that_refuses_a_value_is_named_by_its_place(overrides: list[str], message: str) -> None:
    settings = plain(compose([*overrides, "paths.run_dir=."]))["encoder"]
    with pytest.raises(ConfigError, match=message):
        build(settings, targets=known_targets(), path="encoder", input_width=3)


def test_a_package_that_is_not_there_is_reported_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_optimizer", None)
    with pytest.raises(ConfigError, match=r"pytorch_optimizer cannot be imported; `pip install 'seqlab\[optimizers\]'`"):
        locate("pytorch_optimizer.SOAP", targets=frozenset({"pytorch_optimizer.SOAP"}), path="optimizer")
    monkeypatch.setitem(sys.modules, "nowhere", None)
    with pytest.raises(ConfigError, match="nowhere cannot be imported; install the package that has it"):
        locate("nowhere.Thing", targets=frozenset({"nowhere.Thing"}), path="encoder")


def test_an_option_for_a_part_that_has_none_is_reported_how_to_leave_it_out() -> None:
    settings = plain(compose(["experiment=ewt", "data.dir=d", "encoder=identity", "paths.run_dir=."]))["encoder"]
    with pytest.raises(ConfigError, match=r"IdentityEncoder \(it takes none; `~encoder\.width` leaves it out\)"):
        build(settings, targets=known_targets(), path="encoder", input_width=3)
