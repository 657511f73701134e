"""Models of classes in bare Python files: trained, resumed, and loaded where the user allows it."""

import sys
from pathlib import Path

import pytest

import seqlab
from seqlab.errors import BundleError
from seqlab.testing.runs import train_small, write_corpus


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
    warning = next(record.getMessage() for record in caplog.records if "no plugin brings" in record.getMessage())
    assert "--allow my_file.MyEncoder" in warning
    assert "seqlab plugins new" in warning
    resume = [*words, "trainer.max_epochs=2", f"ckpt_path={run.folder / 'checkpoints' / 'last.ckpt'}"]
    again = train_small(corpus, tmp_path / "again", resume)
    labelled = seqlab.load(again.model, allow=again.allow).predict(["Ada saw Kiel"])
    assert len(labelled[0].predictions["tags"].labels) == 3
    assert_refused_unless_allowed(folder, again.model, names)


def assert_refused_unless_allowed(folder: Path, model: Path, names: list[str]) -> None:
    (folder / "imported").unlink()
    del sys.modules["my_file"]
    for allow in ([], ["torch.nn.GELU"]):
        with pytest.raises(BundleError, match=r"'my_file\.\w+', which no config file .*/here/my_file\.py may define it; if"):
            seqlab.load(model, allow=allow)
        assert not (folder / "imported").exists()
    with pytest.raises(BundleError, match=r"'my_file\.(MyField|MyHead)', which no config file"):
        seqlab.load(model, allow=names[:2])
    (folder / "my_file.py").unlink()
    del sys.modules["my_file"]
    with pytest.raises(BundleError, match=r"install the plugin that brings it$"):
        seqlab.load(model)
