"""The examination finds faults planted in sound plugins, and none in sound ones."""

import re
from pathlib import Path
from typing import Any

import pytest

from seqlab import __version__
from seqlab.config.plugins import discover
from seqlab.config.plugins.authoring import Report, examine
from seqlab.errors import ConfigError
from seqlab.testing import PluginContract

SOUND = "_target_: {package}.Doubled\nfactor: 2.0\n"
HEAD = "_target_: seqlab.heads.SequenceHead\n  target: {{_target_: seqlab.data.fields.LabelField, column: label}}\n"
HEAD += "  pooling: mean\n  drop_prob: 0.0\n  class_weights: {{}}\n  label_smoothing: 0.0\n  focal_gamma: 0.0\n"


def report_on(name: str) -> Report:
    (report,) = examine([name])
    return report


def leave_out_others(monkeypatch: pytest.MonkeyPatch, install: Any, *kept: str) -> None:
    """Leave out what happens to be installed: its examination takes long, and has no place here."""
    found = discover()
    others = {one.name for one in (*found.plugins, *found.left_out)} - set(kept)
    monkeypatch.setenv("SEQLAB_WITHOUT", ",".join(others))
    install.forget()


def test_a_sound_plugin_has_no_finding(install: Any) -> None:
    options = {
        "encoder/doubled": SOUND,
        "encoder/base/thing": SOUND,
        "encoder/tripled": "defaults: [doubled]\nfactor: 3.0\n",
        "head/marked": f"# @package heads\nmark:\n  {HEAD}",
        "data/lines_too": "defaults: [lines]\nreader: {{label_separator: ';'}}\n",
        "experiment/doubled": "# @package _global_\ndefaults: [override /encoder: doubled]\nencoder: {{factor: 9.0}}\n",
        "own_group/thing": SOUND,
    }
    install("twice", options=options)
    report = report_on("twice")
    assert (report.lines(), report.is_broken) == ([], False)


@pytest.mark.parametrize(
    ("options", "code", "finding"),
    [
        ({"encoder/doubled": "_target_: {package}.Dubled\n"}, None, r"encoder/doubled: encoder\._target_ is .*has no Dubled"),
        ({"encoder/base/x": "_target_: {package}.Dubled\n"}, None, r"encoder/base/x: .*has no Dubled"),
        ({"encoder/doubled": SOUND + "colour: red\n"}, None, r"encoder\.colour is not an option of Doubled .*it takes factor"),
        ({"encoder/doubled": "_target_: {package}.Doubled\n"}, None, r"encoder lacks factor, which Doubled needs"),
        ({"encoder/null": SOUND}, None, r"encoder/null: no override can choose it: encoder=null: null is no name of an option"),
        ({"encoder/doubled": "defaults: [nowhere]\n"}, None, r"encoder/doubled: it does not compose: .*nowhere"),
        ({"encoder/doubled": "factor: 3\n"}, None, r"encoder/doubled: it puts nothing at encoder, where a run looks for it$"),
        (
            {"head/lost": f"mark:\n  {HEAD}"},
            None,
            r"nothing at heads\.\*, .*; begin .*/lost\.yaml with `# @package heads`",
        ),
        (
            {"embedding/lost": "more: {{width: 3}}\n"},
            None,
            r"at embedding\.parts\.\*, .* `# @package embedding\.parts`",
        ),
        (
            {"head/wrong": "# @package heads\nmark: {{_target_: {package}.Doubled, factor: 1}}\n"},
            None,
            r"subclass of seqlab\.h",
        ),
        (
            {"data/wrong": "reader: {{_target_: {package}.Doubled, factor: 1}}\n"},
            None,
            r"not a subclass of seqlab\.data\.reader",
        ),
        (
            {"encoder/wrong": "_target_: os.getcwd\n"},
            None,
            r"'os\.getcwd', which is not a subclass of seqlab\.encoders\.Encoder",
        ),
        ({"encoder/wrong": "_target_: os.system\n"}, None, r"'os\.system', but .*blocklist"),
        (
            {"encoder/wrong": SOUND + "more: {{_target_: collections.Counter}}\n"},
            None,
            r"'collections\.Counter', .* not a subclass of torch\.nn\.Module .*; as any bundle may be made of it, wrap it",
        ),
        ({"encoder/doubled": SOUND}, "x = 1\ny = x.z\n", r"importing seqlab_faulty fails: .*__init__\.py:2: AttributeError"),
        (
            {"encoder/doubled": "_target_: {package}.Doubled\n"},
            "from seqlab.encoders import Encoder\nclass Doubled(Encoder):\n    def __init__(self, *, input_width): ...\n",
            r"'seqlab_faulty\.Doubled', which lacks forward",
        ),
        (
            {"encoder/doubled": SOUND},
            "from seqlab.encoders import Encoder\nclass Doubled(Encoder):\n    def __init__(self, *, factor): ...\n"
            "    def forward(self, steps): ...\n",
            r"encoder\.input_width is not an option of Doubled",
        ),
        (
            {"encoder/doubled": SOUND},
            "from seqlab.encoders import Encoder\nclass Doubled(Encoder):\n"
            "    def __init__(self, *, input_width, factor: int): ...\n    def forward(self, steps): ...\n",
            r"encoder\.factor is 2\.0; expected a whole number",
        ),
    ],
)
def test_a_planted_fault_is_found(install: Any, options: dict[str, str], code: str | None, finding: str) -> None:
    install("faulty", options=options, **({"code": code} if code else {}))
    report = report_on("faulty")
    assert report.is_broken
    found = [line for line in report.lines() if re.search(finding, line)]
    assert len(found) == 1, report.lines()
    assert found[0].startswith("faulty (seqlab-faulty 1.2): error: ")
    assert "\n" not in found[0]


def test_interpolations_and_missing_values_are_no_faults(install: Any) -> None:
    code = (
        "from seqlab.encoders import Encoder\nclass Doubled(Encoder):\n"
        "    def __init__(self, *, input_width: int, factor: int, other: float): ...\n    def forward(self, steps): ...\n"
    )
    install(
        "open", options={"encoder/doubled": "_target_: {package}.Doubled\nfactor: ???\nother: ${{optimizer.lr}}\n"}, code=code
    )
    assert report_on("open").lines() == []


@pytest.mark.parametrize(
    ("requires", "finding"),
    [
        ((), r"warning: it does not say which seqlab it needs"),
        (("seqlab>=0.1", "numpy<1"), r"error: it needs numpy<1, which is version \d.*; pip install 'numpy<1'"),
        (("seqlab>=0.1", "not-there-at-all"), r"error: it needs not-there-at-all, which is not installed; pip install"),
        (("seqlab>=99",), rf"error: left out: it is built for seqlab>=99, and this is seqlab {__version__}"),
    ],
)
def test_requirements_are_looked_at(install: Any, requires: tuple[str, ...], finding: str) -> None:
    install("needy", requires=requires)
    (line,) = report_on("needy").lines()
    assert re.search(finding, line)


def test_a_name_that_two_plugins_have_is_found(install: Any) -> None:
    install("first", point="same")
    install("second", point="same", options={"encoder/other": SOUND})
    reports = examine(["same"])
    assert [report.is_broken for report in reports] == [True, True]
    assert re.search("seqlab-second has a plugin named same, too; SEQLAB_WITHOUT=seqlab-first leaves", reports[0].lines()[0])


def test_another_copy_on_the_path_is_a_warning(install: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = install("copied")
    checkout = tmp_path / "checkout"
    installed.parent.rename(checkout)
    (checkout / "seqlab_copied-1.2.dist-info").rename(tmp_path / "seqlab_copied-1.2.dist-info")
    installed.mkdir(parents=True)
    (tmp_path / "seqlab_copied-1.2.dist-info").rename(installed.parent / "seqlab_copied-1.2.dist-info")
    monkeypatch.syspath_prepend(str(checkout))
    install.forget()
    report = report_on("copied")
    (line,) = report.lines()
    assert not report.is_broken
    assert f"warning: package seqlab_copied is that in {checkout}/seqlab_copied, not the one installed in {installed}" in line


def test_all_plugins_are_examined_unless_some_are_named(install: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    install("first", options={"encoder/one": SOUND})
    install("second", options={"encoder/two": SOUND})
    install("bare", options={})
    leave_out_others(monkeypatch, install, "first", "second", "bare")
    names = [report.subject.name for report in examine()]
    assert names == ["bare", "first", "second"]
    leave_out_others(monkeypatch, install, "first", "bare")
    assert "second" not in [report.subject.name for report in examine()]
    (line,) = report_on("second").lines()
    assert "warning: left out: SEQLAB_WITHOUT names it" in line
    with pytest.raises(ConfigError, match=r"there is no plugin 'frist'; did you mean first\?; installed: seqlab, .*first"):
        examine(["frist"])


def test_the_contract_of_plugins_is_the_examination(install: Any) -> None:
    class Sound(PluginContract):
        name = "sound"

    class Faulty(PluginContract):
        name = "faulty"

    install("sound")
    install("faulty", options={"encoder/faulty": SOUND + "colour: red\n"})
    Sound().test_the_examination_finds_no_error()
    with pytest.raises(AssertionError, match=r"faulty \(seqlab-faulty 1\.2\): error: encoder/faulty: encoder\.colour is not"):
        Faulty().test_the_examination_finds_no_error()


@pytest.mark.slow
def test_the_built_in_parts_are_sound() -> None:
    """Extras that are not installed are warnings."""
    report = report_on("seqlab")
    assert not report.is_broken, report.lines()
    assert all("pip install 'seqlab[" in line for line in report.lines())


def test_a_plugin_without_options_is_a_warning(install: Any) -> None:
    (install("hollow", options={}) / "conf").mkdir()
    install.forget()
    (report,) = examine(["hollow"])
    assert not report.is_broken
    assert [finding.message.split(":")[0] for finding in report.findings] == ["it adds no option"]
