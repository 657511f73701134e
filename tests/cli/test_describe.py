import pytest

from seqlab.cli import main


def described(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, list[str]]:
    assert main(["describe", *words]) == 0
    return {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines() if line.strip()}


def test_a_trained_model_is_described(capsys: pytest.CaptureFixture[str], model: str) -> None:
    rows = described(capsys, model)
    assert rows["layer"] == ["kind", "input", "recurrent", "other", "total", "frozen"]
    assert rows["all"][-1].replace(",", "").isdigit()


def test_overrides_are_described_without_training(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    empty = tmp_path_factory.mktemp("empty")
    monkeypatch.chdir(empty)
    rows = described(capsys, "encoder=gru", "encoder.width=7", "data.reader.n_train=20")
    assert rows["encoder.layers.0.cells.1"][0] == "GruCell"
    assert rows["encoder.layers.0.cells.1"][2] == str(3 * 7 * 7)
    assert not list(empty.iterdir())


def test_mistakes_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "nowhere"]) == 2
    assert "nowhere: no model here" in capsys.readouterr().err
    assert main(["describe", "encoder=lstn"]) == 2
    assert "did you mean encoder=lstm" in capsys.readouterr().err


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_numbers_are_whole_however_narrow_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, model: str, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert "…" not in " ".join(word for row in described(capsys, model).values() for word in row)
