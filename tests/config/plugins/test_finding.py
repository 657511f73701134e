"""Plugins as users install them: a distribution with an entry point, and a package with a `conf` folder."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from seqlab import __version__
from seqlab.config.build import build, known_targets
from seqlab.config.compose import compose, options_of, plain
from seqlab.config.paths import config_dir
from seqlab.config.plugins import providers
from seqlab.errors import ConfigError


def test_a_plugin_is_found_with_its_distribution_and_options(install: Any) -> None:
    package = install("twice")
    found = install.found("twice")
    assert (found.distribution, found.version, found.folder, found.origin) == ("seqlab-twice", "1.2", package, "installed")
    assert found.options() == {"encoder/doubled": package / "conf" / "encoder" / "doubled.yaml"}
    assert found.groups() == {"encoder": ["doubled"]}
    assert found.targets(None) == {"seqlab_twice.Doubled"}


def test_seqlab_itself_comes_the_same_way_and_first() -> None:
    core = providers()[0]
    assert (core.name, core.distribution, core.version) == ("seqlab", "seqlab", __version__)
    assert core.conf_dir == config_dir()
    assert set(core.options()) == {p.relative_to(config_dir()).with_suffix("").as_posix() for p in config_dir().rglob("*.yaml")}
    assert "lstm" in core.groups()["encoder"]
    assert "torch.optim.AdamW" in core.targets(None) - core.targets(("encoder",))


def test_its_option_composes_without_importing_it(install: Any) -> None:
    install("twice")
    assert plain(compose(["encoder=doubled"]))["encoder"] == {"_target_": "seqlab_twice.Doubled", "factor": 2.0}
    assert "doubled" in options_of("encoder")
    assert "seqlab_twice.Doubled" in known_targets()
    assert "seqlab_twice" not in sys.modules


def test_its_class_is_built_like_any_other(install: Any) -> None:
    install("twice")
    node = plain(compose(["encoder=doubled", "encoder.factor=3"]))["encoder"]
    encoder = build(node, targets=known_targets(), path="encoder", input_width=4)
    assert (encoder.output_width, encoder.factor) == (4, 3)


def test_a_mistyped_option_lists_that_of_the_plugin(install: Any) -> None:
    install("twice")
    assert "did you mean encoder=doubled?; encoder has chain, doubled, gru" in install.answer("encoder=doubledd")


@pytest.mark.parametrize("name", ["twice", "seqlab-twice"])
def test_without_the_plugin_its_option_and_class_are_gone(
    install: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    install("twice")
    install("other", options={"encoder/other": "_target_: {package}.Doubled\nfactor: 1.0\n"})
    monkeypatch.setenv("SEQLAB_WITHOUT", f"{name}, ")
    install.forget()
    assert not caplog.records, "no warning of what the user asked for"
    assert "doubled" not in options_of("encoder")
    assert "other" in options_of("encoder")
    assert re.search(
        r"is an option of plugin 'twice' \(seqlab-twice 1\.2\), .*SEQLAB_WITHOUT names it", install.answer("encoder=doubled")
    )
    with pytest.raises(ConfigError, match=r"'seqlab_twice\.Doubled', which no config file .*'twice' .*SEQLAB_WITHOUT names it"):
        build({"_target_": "seqlab_twice.Doubled"}, targets=known_targets(), path="encoder")


def test_a_name_to_leave_out_that_no_plugin_has_is_reported(
    install: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    install("twice")
    monkeypatch.setenv("SEQLAB_WITHOUT", "twise")
    install.forget()
    assert plain(compose(["encoder=doubled"]))["encoder"]["factor"] == 2.0
    (record,) = caplog.records
    assert re.search(
        r"SEQLAB_WITHOUT names 'twise', which is not an .* plugin; did you mean twice\?; installed: .*twice",
        record.message,
    )


def test_another_copy_of_a_plugin_is_used_and_known_as_such(
    install: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = install("copied")
    checkout = tmp_path / "checkout" / "seqlab_copied"
    (checkout / "conf" / "encoder").mkdir(parents=True)
    (checkout / "__init__.py").write_text("")
    (checkout / "conf" / "encoder" / "newer.yaml").write_text("_target_: seqlab_copied.Newer\n")
    monkeypatch.syspath_prepend(str(checkout.parent))
    install.forget()
    found = install.found("copied")
    assert (found.folder, found.installed_at) == (checkout, installed)
    assert found.groups() == {"encoder": ["newer"]}


def test_an_editable_plugin_is_known_as_such(install: Any) -> None:
    install("edited")
    info = install.folder / "seqlab_edited-1.2.dist-info"
    url = install.folder.as_uri()
    (info / "direct_url.json").write_text(f'{{"url": "{url}", "dir_info": {{"editable": true}}}}')
    install.forget()
    assert (install.found("edited").origin, install.found("edited").installed_at) == ("editable", None)
