import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from safetensors.torch import load_file

import seqlab
from seqlab.cli import main

pytestmark = pytest.mark.slow

pytest.importorskip("matplotlib", reason="needs the extra plots")

PNG = b"\x89PNG\r\n\x1a\n"
LONG = "x" * 3000
TEXT = f"Ada visited <b>$x$ 王 Oslo & Kiel {LONG}"


def test_a_folder_of_pictures_numbers_and_a_page_by_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    folder = tmp_path / "out"
    assert main(["inspect", model, "--text", TEXT, "-o", str(folder)]) == 0
    printed = capsys.readouterr().out
    names = {path.name for path in folder.iterdir()}
    pictures = {"influence.png", "gates-layers-0-forwards.png", "gates-layers-0-backwards.png"}
    assert names == {"index.html", "traces.safetensors", *pictures}
    assert all(str(folder / name) in printed for name in names)
    assert all((folder / name).read_bytes().startswith(PNG) for name in pictures)
    header, forwards = next(
        (a.split(), b.split()) for a, b in zip(printed.splitlines(), printed.splitlines()[1:], strict=False) if "forget" in a
    )
    assert header == ["layer", "direction", "input", "forget", "candidate", "output"]
    assert forwards[:2] == ["encoder.layers.0", "forwards"]
    tensors = load_file(folder / "traces.safetensors")
    n_steps = tensors["encoder.layers.0.forwards.input"].shape[0]
    assert tensors["encoder.layers.0.backwards.cell_state"].shape == (n_steps, 12)
    assert tensors["encoder.layers.0.forwards.influence"].shape == (n_steps, n_steps)
    assert f"{tensors['encoder.layers.0.forwards.forget'].mean():.2f}" == forwards[3]
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 3
    assert "<b>" not in page
    assert "王" in page
    assert not re.search(r"(src|href)=\"(?!#|data:)", page)
    assert "untrained rnn" in page
    assert LONG in page
    assert f"{'x' * 23}…" in page  # cut in pictures


def test_others_stand_beside_it_and_long_names_leave_room_for_the_curves(
    tmp_path: Path, model: str, runs: Mapping[str, seqlab.Run]
) -> None:
    far = tmp_path / ("deep" * 50) / ("deeper" * 40)
    far.parent.mkdir(parents=True)
    far.symlink_to(Path(model).resolve())
    other = str(runs["label"].folder)
    assert main(["inspect", str(far), "--text", "Ada slept", "--beside", str(far), other, "-o", str(tmp_path / "out")]) == 0
    assert other[-49:] in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_the_same_record_gives_the_same_page_however_it_is_given(tmp_path: Path, model: str) -> None:
    assert main(["inspect", model, "--record", '{"tokens": ["Ada", "slept"]}', "-o", str(tmp_path / "one")]) == 0
    assert main(["inspect", model, "--record", '["Ada", "slept"]', "-o", str(tmp_path / "two")]) == 0
    pages = [(tmp_path / name / "index.html").read_bytes() for name in ("one", "two")]
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--record", "{tokens"], "--record is not JSON"),
        (["--record", "3"], "--record is 3; expected a JSON object, or a list of tokens"),
        (["--record", '{"frames": [[1.0]]}'], "input 0 has no 'tokens'; the model reads"),
        (["--text", "  "], "the record has no steps; expected a text with at least one token"),
        (["--text", "x", "--beside", "nowhere"], "nowhere: no model here"),
    ],
)
def test_mistakes_are_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str, words: list[str], message: str
) -> None:
    assert main(["inspect", model, *words, "-o", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_file_is_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str) -> None:
    path = tmp_path / "out"
    path.touch()
    assert main(["inspect", model, "--text", "x", "-o", str(path)]) == 2
    assert "is a file; expected a folder" in capsys.readouterr().err


def test_an_encoder_without_memory_has_nothing_to_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines_data: Path
) -> None:
    run = seqlab.train(
        [
            *("data=lines", f"data.dir={lines_data}", "data.splits={train: train, val: test, test: test}", "data.scheme=BIO"),
            *("embedding=[words]", "encoder=window", "trainer.max_epochs=1", f"hydra.run.dir={tmp_path / 'run'}"),
        ]
    )
    assert main(["inspect", str(run.folder), "--text", "x", "-o", str(tmp_path / "out")]) == 2
    assert "its encoder, WindowEncoder, has no recurrent layer" in capsys.readouterr().err
