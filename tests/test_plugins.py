"""Plugins as users install them: a distribution with an entry point, and a package with a `conf` folder."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hydra.errors import MissingConfigException

from seqlab.config import build, compose, known_targets, options_of, plain
from seqlab.errors import ConfigError, PluginError
from seqlab.overrides import explain
from seqlab.plugins import installed_plugins

CODE = """
from seqlab.encoders import Encoder

class Doubled(Encoder):
    def __init__(self, *, input_width, factor):
        super().__init__()
        self.output_width = self.summary_width = input_width
        self.factor = factor

    def forward(self, steps):
        return steps.with_values(steps.values * self.factor, summary=steps.values.sum(1))
"""


def forget() -> None:
    installed_plugins.cache_clear()
    known_targets.cache_clear()


Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """A function that installs the plugin `name`, with the option `option`, into a folder on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(name: str, *, option: str | None = "encoder/doubled", yaml: str | None = None) -> Path:
        package = f"seqlab_{name}"
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(CODE, encoding="utf-8")
        if option:
            path = tmp_path / package / "conf" / f"{option}.yaml"
            path.parent.mkdir(parents=True)
            path.write_text(yaml or f"_target_: {package}.Doubled\nfactor: 2.0\n", encoding="utf-8")
        info = tmp_path / f"seqlab_{name}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: seqlab-{name}\nVersion: 1.2\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[seqlab.plugins]\n{name} = {package}\n", encoding="utf-8")
        forget()
        return tmp_path / package

    yield put
    monkeypatch.undo()
    for module in [name for name in sys.modules if name.startswith("seqlab_")]:
        del sys.modules[module]
    forget()


def test_a_plugin_is_found_with_its_distribution_and_options(install: Install) -> None:
    package = install("twice")
    (plugin,) = [plugin for plugin in installed_plugins() if plugin.name == "twice"]
    assert (plugin.distribution, plugin.version) == ("seqlab-twice", "1.2")
    assert plugin.options() == {"encoder/doubled": package / "conf" / "encoder" / "doubled.yaml"}


def test_its_option_composes_without_importing_it(install: Install) -> None:
    install("twice")
    assert plain(compose(["encoder=doubled"]))["encoder"] == {"_target_": "seqlab_twice.Doubled", "factor": 2.0}
    assert "doubled" in options_of("encoder")
    assert "seqlab_twice.Doubled" in known_targets()
    assert "seqlab_twice" not in sys.modules


def test_its_class_is_built_like_any_other(install: Install) -> None:
    install("twice")
    node = plain(compose(["encoder=doubled", "encoder.factor=3"]))["encoder"]
    encoder = build(node, targets=known_targets(), path="encoder", input_width=4)
    assert (encoder.output_width, encoder.factor) == (4, 3)


def test_a_mistyped_option_lists_that_of_the_plugin(install: Install) -> None:
    install("twice")
    with pytest.raises(MissingConfigException) as caught:
        compose(["encoder=doubledd"])
    told = str(explain(caught.value, ["encoder=doubledd"]))
    assert "did you mean encoder=doubled?; encoder has chain, doubled, gru" in told


def test_without_the_plugin_its_option_and_class_are_gone(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("twice")
    monkeypatch.setenv("SEQLAB_WITHOUT", "other, twice")
    forget()
    assert "twice" not in [plugin.name for plugin in installed_plugins()]
    assert "doubled" not in options_of("encoder")
    with pytest.raises(ConfigError, match=r"'seqlab_twice\.Doubled', which no config file of seqlab or an installed"):
        build({"_target_": "seqlab_twice.Doubled"}, targets=known_targets(), path="encoder")


def test_two_plugins_with_one_option_are_refused(install: Install) -> None:
    install("first")
    package = install("second")
    message = rf"'encoder/doubled' is added by both seqlab-\w+ 1\.2 and seqlab-\w+ 1\.2 \({package.parent}.*\); leave one"
    with pytest.raises(PluginError, match=message):
        installed_plugins()


def test_an_option_of_seqlab_itself_cannot_be_added_again(install: Install) -> None:
    install("twice", option="encoder/lstm")
    with pytest.raises(PluginError, match=r"'encoder/lstm' is added by both seqlab .* and seqlab-twice 1\.2"):
        installed_plugins()


def test_a_plugin_without_conf_is_named(install: Install) -> None:
    package = install("bare", option=None)
    message = (
        r"'bare' \(seqlab-bare 1\.2\): package 'seqlab_bare' has no folder `conf`"
        rf" \(looked in {package}\).*SEQLAB_WITHOUT=bare"
    )
    with pytest.raises(PluginError, match=message):
        installed_plugins()


def test_a_plugin_whose_package_is_gone_is_named(install: Install, tmp_path: Path) -> None:
    install("gone").rename(tmp_path / "elsewhere")
    with pytest.raises(PluginError, match=r"'gone' \(seqlab-gone 1\.2\): package 'seqlab_gone' has no folder `conf`"):
        installed_plugins()


def test_a_plugin_with_broken_yaml_is_named(install: Install) -> None:
    install("broken", yaml="_target_: [\n")
    with pytest.raises(PluginError, match=r"seqlab_broken/conf/encoder/doubled\.yaml.*"):
        known_targets()
