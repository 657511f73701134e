"""Classes in bare Python files: admitted where the user names them, and nowhere else."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

import seqlab
from seqlab.admission import admit, allowed
from seqlab.config import build, compose, known_targets, plain
from seqlab.errors import BundleError, ConfigError
from seqlab.testing.runs import train_small, write_corpus
from seqlab.typed import NOTHING, Typed, typed_in

PARTS = """
from pathlib import Path

import torch
from torch import nn

from seqlab.data.fields import EncodedFrames, NumbersField
from seqlab.data.columns import Ragged
from seqlab.data.readers import LinesReader, Reader
from seqlab.embeddings import Embedding
from seqlab.encoders import Encoder
from seqlab.heads import SoftmaxTokenHead
from seqlab.heads.token import LinearTokenHead

Path("imported").touch()

class MyEncoder(Encoder):
    def __init__(self, *, input_width, width, n_layers=1, is_wide=False):
        super().__init__()
        self.layers = nn.Sequential(*(nn.Linear(input_width if not i else width, width) for i in range(n_layers)))
        self.output_width = self.summary_width = width

    def forward(self, steps):
        values = torch.tanh(self.layers(steps.zero_padded().values))
        return steps.with_values(values, summary=values.mean(1))

class Unfinished(Encoder):
    pass

class MyField(NumbersField):
    width = 1

    def __init__(self, *, column, offset):
        self.column, self.offset = column, offset

    @property
    def key(self):
        return f"MyField({self.column}, {self.offset})"

    def fit(self, columns):
        pass

    def encode(self, columns):
        strings = columns.strings(self.column)
        lengths = torch.tensor([[len(string) + self.offset] for string in strings.distinct] or [[0]]).float().numpy()
        return EncodedFrames(Ragged(lengths[strings.codes.values], strings.codes.offsets))

    def state(self):
        return {}

    def restore(self, state, arrays):
        pass

class MyEmbedding(Embedding):
    def __init__(self, *, field):
        super().__init__()
        self.field, self.output_width = field, 1

    def forward(self, batch):
        return batch.tensor(self.field)

class MyHead(LinearTokenHead):
    def _loss(self, scores, tags, steps):
        return nn.functional.cross_entropy(scores.flatten(0, 1), tags.flatten(), ignore_index=-1)

    def _decode(self, scores, steps):
        return scores.argmax(2)

    def _probabilities(self, scores, steps):
        return scores.softmax(2)

class MyReader(Reader):
    def __init__(self, *, files, upper):
        self.inner = LinesReader(files=dict(files), label_separator=None, scheme=None, target_scheme=None)

    def parse(self, path, *, report):
        return self.inner.parse(path, report=report)

class Strategy:
    pass

def function():
    pass
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with the file my_file.py; a file `imported` appears beside it when it is imported."""
    here = tmp_path / "here"
    here.mkdir()
    (here / "my_file.py").write_text(PARTS, encoding="utf-8")
    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    known = set(sys.modules)
    yield here
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(here)):
            del sys.modules[name]


def composed(*words: str) -> tuple[DictConfig, Typed]:
    typed = typed_in(words)
    return compose(["paths.run_dir=.", *typed.words]), typed


def is_imported(folder: Path) -> bool:
    return (folder / "imported").exists()


def test_a_class_that_the_user_names_is_built(folder: Path) -> None:
    config, typed = composed("encoder._target_=my_file.MyEncoder", "encoder.n_layers=3", "encoder.width=7")
    targets = admit(config, typed)
    assert targets == known_targets() | {"my_file.MyEncoder"}
    assert plain(config.encoder) == {"_target_": "my_file.MyEncoder", "width": 7, "n_layers": 3}
    encoder = build(plain(config.encoder), targets=targets, path="encoder", input_width=4)
    assert [layer.in_features for layer in encoder.layers] == [4, 7, 7]


def test_what_the_class_needs_stays_and_the_rest_is_left_out(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of what the replaced option set: not `depth`, which it does not take, nor `is_wide`, for which it has a default."""
    config, typed = composed("encoder=window", "encoder._target_=my_file.MyEncoder", "+encoder.n_layers=2")
    config.encoder = {**plain(config.encoder), "is_wide": True}
    admit(config, typed)
    assert plain(config.encoder) == {"_target_": "my_file.MyEncoder", "width": 300, "n_layers": 2}
    (record,) = caplog.records
    assert record.getMessage() == (
        "encoder: of the option that MyEncoder replaces, it takes over width=300"
        " and leaves out window, depth, activation, drop_prob, is_wide"
    )


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("encoder.widht=3", r"encoder\.widht is not an option of MyEncoder; did you mean 'width'\? \(it takes width, n_layers"),
        ("encoder.depth=3", r"encoder\.depth is not an option of MyEncoder"),
        ("encoder.cell.forget_bias=3", r"encoder\.cell is not an option of MyEncoder"),
    ],
)
def test_what_the_user_typed_is_never_left_out(folder: Path, override: str, message: str) -> None:
    config, typed = composed("encoder._target_=my_file.MyEncoder", override)
    targets = admit(config, typed)
    with pytest.raises(ConfigError, match=message):
        build(plain(config.encoder), targets=targets, path="encoder", input_width=3)


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["embedding.parts.words._target_=my_file.MyEmbedding"], "embedding.parts.words"),
        (
            ["embedding.parts.words.field._target_=my_file.MyField", "embedding.parts.words.field.offset=1"],
            "embedding.parts.words.field",
        ),
        (["heads.tags._target_=my_file.MyHead"], "heads.tags"),
        (["+heads.more={_target_: my_file.MyHead, target: ${heads.tags.target}}"], "heads.more"),
        (["data=lines", "data.dir=.", "data.reader._target_=my_file.MyReader", "data.reader.upper=1"], "data.reader"),
        (["encoder=chain", "encoder.parts.recurrent._target_=my_file.MyEncoder"], "encoder.parts.recurrent"),
        (["+encoder.strategy._target_=my_file.Strategy"], "encoder.strategy"),
    ],
)
def test_every_part_may_be_the_users_own(folder: Path, words: list[str], place: str) -> None:
    config, typed = composed(*words)
    assert admit(config, typed) - known_targets() == {OmegaConf.select(config, place)["_target_"]}


def test_a_module_beside_the_file_is_found(folder: Path) -> None:
    (folder / "layers.py").write_text("WIDTH = 3\n")
    (folder / "importing.py").write_text("import layers\nfrom my_file import MyEncoder as Other\n")
    (folder / "parts").mkdir()
    (folder / "parts" / "__init__.py").write_text("")
    (folder / "parts" / "encoders.py").write_text("from my_file import MyEncoder\n")
    for target in ("importing.Other", "parts.encoders.MyEncoder"):
        config, typed = composed(f"encoder._target_={target}")
        assert target in admit(config, typed)


def test_a_class_of_an_installed_package_may_be_named_too(folder: Path) -> None:
    config, typed = composed("optimizer._target_=torch.optim.Adamax", "optimizer.lr=0.5")
    targets = admit(config, typed)
    make = build(plain(config.optimizer), targets=targets, path="optimizer")
    assert make([torch.nn.Parameter(torch.zeros(2))]).defaults["lr"] == 0.5


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "encoder._target_=my_fle.MyEncoder",
            r"no my_fle\.py in .*/here, nor an .* my_fle; did you mean my_file\.MyEncoder\?",
        ),
        ("encoder._target_=zzzzzz.MyEncoder", r"there is no zzzzzz\.py in .*/here, nor an installed package zzzzzz$"),
        ("encoder._target_=my_file.MyEncodr", r"my_file has no MyEncodr; did you mean MyEncoder\?; the file has MyEncoder$"),
        ("encoder._target_=my_file.Encodre", r"my_file has no Encodre; did you mean MyEncoder\?"),
        (
            "encoder._target_=my_file.MyField",
            r"'my_file\.MyField', which is no subclass of seqlab\.encoders\.Encoder; the file",
        ),
        ("encoder._target_=my_file.function", r"is 'my_file\.function', which is no subclass of seqlab\.encoders\.Encoder"),
        (
            "encoder._target_=my_file.Unfinished",
            r"is 'my_file\.Unfinished', which lacks forward, as every seqlab\.",
        ),
        (
            "encoder._target_=MyEncoder",
            r"is 'MyEncoder'; expected FILE\.CLASS of a file in this folder, as in my_file\.",
        ),
        ("encoder._target_=os.system", r"is 'os\.system', which is no subclass of seqlab\.encoders\.Encoder"),
        ("encoder._target_=broken.MyEncoder", r"importing broken fails: .*/here/broken\.py:2: invalid syntax"),
        ("encoder._target_=raising.MyEncoder", r"importing raising fails: .*/here/raising\.py:3: KeyError: 'x'"),
        ("encoder._target_=leaving.MyEncoder", r"importing leaving fails: .*/here/leaving\.py:1: SystemExit: 7"),
        (
            "encoder._target_=lacking.MyEncoder",
            r"importing lacking fails: .*/here/lacking\.py:1: ModuleNotFoundError",
        ),
        ("encoder._target_=time.MyEncoder", r"but the name time belongs to Python itself; rename .*/here/time\.py"),
        (
            "encoder._target_=pytest.MyEncoder",
            r"the name pytest belongs to /.*/pytest/__init__\.py; rename .*/here/pytest\.py",
        ),
        ("data.reader._target_=my_file.MyEncoder", r"which is no subclass of seqlab\.data\.readers\.Reader"),
        ("heads.tags.target._target_=my_file.MyEncoder", r"which is no subclass of seqlab\.data\.fields\.Field"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_in_one_line(folder: Path, word: str, message: str) -> None:
    (folder / "broken.py").write_text("\nx = = 1\n")
    (folder / "raising.py").write_text("def f():\n    pass\nraise KeyError('x')\n")
    (folder / "leaving.py").write_text("raise SystemExit(7)\n")
    (folder / "lacking.py").write_text("import nowhere.to.be.found\n")
    (folder / "time.py").write_text(PARTS)
    (folder / "pytest.py").write_text(PARTS)
    config, typed = composed(word)
    with pytest.raises(ConfigError, match=message) as told:
        admit(config, typed)
    assert str(told.value).startswith(word.partition("=")[0])
    assert "\n" not in str(told.value)


def test_a_place_that_takes_no_class_of_ones_own_admits_none(folder: Path) -> None:
    config, typed = composed("scheduler=cosine", "scheduler.factory._target_=my_file.Strategy")
    assert admit(config, typed) == known_targets()
    assert not is_imported(folder)


def test_a_class_that_a_config_names_is_not_imported(folder: Path) -> None:
    config, _ = composed("encoder._target_=my_file.MyEncoder")
    for typed in (NOTHING, typed_in(["encoder.width=3"]), typed_in(["heads.tags._target_=seqlab.heads.SoftmaxTokenHead"])):
        targets = admit(config, typed)
        with pytest.raises(ConfigError, match=r"'my_file\.MyEncoder', which no config file of seqlab or an installed plugin"):
            build(plain(config.encoder), targets=targets, path="encoder", input_width=3)
    assert not is_imported(folder)


def test_allowing_takes_names_of_parts_only(folder: Path) -> None:
    names = ["my_file.MyEncoder", "my_file.MyReader", "my_file.MyField", "my_file.Strategy", "torch.nn.GELU"]
    assert allowed(names) == set(names)
    for name in ("subprocess.Popen", "my_file.function", "os.system"):
        with pytest.raises(ConfigError, match=rf"allow is '{re.escape(name)}', which is no subclass of torch\.nn\.Module, "):
            allowed([name])
    with pytest.raises(ConfigError, match=r"allow is 'my_file\.MyEncoder'; expected a list"):
        allowed("my_file.MyEncoder")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "corpus")


def test_a_model_of_bare_files_trains_resumes_and_loads_when_allowed(
    folder: Path, corpus: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    more = (
        "+embedding.parts.more={_target_: my_file.MyEmbedding, field: {_target_: my_file.MyField, column: tokens, offset: 0}}"
    )
    words = ["encoder._target_=my_file.MyEncoder", "encoder.width=6", "heads.tags._target_=my_file.MyHead", more]
    run = train_small(corpus, tmp_path / "run", [*words, "trainer.max_epochs=1"])
    names = ["my_file.MyEmbedding", "my_file.MyEncoder", "my_file.MyField", "my_file.MyHead"]
    assert run.allow == names
    assert "test" in run.metrics
    told = next(record.getMessage() for record in caplog.records if "no plugin brings" in record.getMessage())
    assert "--allow my_file.MyEncoder" in told
    assert "seqlab plugins new" in told
    resume = [*words, "trainer.max_epochs=2", f"ckpt_path={run.folder / 'checkpoints' / 'last.ckpt'}"]
    again = train_small(corpus, tmp_path / "again", resume)
    labelled = seqlab.load(again.model, allow=again.allow).predict(["Ada saw Kiel"])
    assert len(labelled[0].predictions["tags"].labels) == 3
    assert_refused_unless_allowed(folder, again.model, names)


def assert_refused_unless_allowed(folder: Path, model: Path, names: list[str]) -> None:
    (folder / "imported").unlink()
    del sys.modules["my_file"]
    for allow in ([], ["torch.nn.GELU"]):
        with pytest.raises(BundleError, match=r"'my_file\.\w+', which no config file .*/here/my_file\.py may be it: if"):
            seqlab.load(model, allow=allow)
        assert not is_imported(folder)
    with pytest.raises(BundleError, match=r"'my_file\.(MyField|MyHead)', which no config file"):
        seqlab.load(model, allow=names[:2])
    (folder / "my_file.py").unlink()
    del sys.modules["my_file"]
    with pytest.raises(BundleError, match=r"install the plugin that brings it$"):
        seqlab.load(model)
