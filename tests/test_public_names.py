"""The names that the package promises, and how little it takes to import it."""

import subprocess
import sys

import pytest

import seqlab

PUBLIC_NAMES = [
    "BundleError",
    "ConfigError",
    "Crf",
    "Ctc",
    "DataError",
    "GRU",
    "LSTM",
    "LabelerModule",
    "LabelingData",
    "PluginError",
    "Prediction",
    "RNN",
    "Run",
    "SemiMarkovCrf",
    "SeqlabError",
    "Span",
    "Steps",
    "Tagger",
    "__version__",
    "compose",
    "load",
    "train",
    "training_parts",
]
HEAVY = ("torch", "pytorch_lightning", "hydra", "datasets", "numpy")


def test_public_names_are_these() -> None:
    assert sorted(seqlab.__all__) == PUBLIC_NAMES


@pytest.mark.parametrize("name", PUBLIC_NAMES)
def test_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(seqlab, name).__doc__


@pytest.mark.parametrize("name", ["BundleError", "ConfigError", "DataError", "PluginError"])
def test_every_error_is_a_seqlab_error(name: str) -> None:
    assert issubclass(getattr(seqlab, name), seqlab.SeqlabError)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Labeller'"):
        seqlab.Labeller  # noqa: B018 (the access is the test)


@pytest.mark.parametrize("module", ["seqlab", "seqlab.cli"])
def test_import_is_light(module: str) -> None:
    script = f"import sys, {module}; print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
