"""seqlab: sequence labelling with any recurrent encoder under any head.

Names that need torch are loaded on first use, so `import seqlab` and `seqlab --help` stay instant.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from seqlab.errors import BundleError, ConfigError, DataError, PluginError, SeqlabError

if TYPE_CHECKING:
    from seqlab.config.public import compose
    from seqlab.encoders.torch_modules import GRU, LSTM, RNN
    from seqlab.heads.layers import Crf, Ctc, SemiMarkovCrf
    from seqlab.inference import Tagger
    from seqlab.steps import Steps
    from seqlab.training.datamodule import LabelingData
    from seqlab.training.module import LabelerModule
    from seqlab.training.parts import training_parts
    from seqlab.training.train import Run, train
    from seqlab.types import Prediction, Span

    load = Tagger.load

__version__ = "0.1.0"

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "BundleError",
    "ConfigError",
    "Crf",
    "Ctc",
    "DataError",
    "LabelerModule",
    "LabelingData",
    "PluginError",
    "Prediction",
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

# Name: the module that defines it.
_LAZY = {
    "LabelerModule": "seqlab.training.module",
    "LabelingData": "seqlab.training.datamodule",
    "compose": "seqlab.config.public",
    "training_parts": "seqlab.training.parts",
    "Crf": "seqlab.heads.layers",
    "Ctc": "seqlab.heads.layers",
    "GRU": "seqlab.encoders.torch_modules",
    "LSTM": "seqlab.encoders.torch_modules",
    "Prediction": "seqlab.types",
    "RNN": "seqlab.encoders.torch_modules",
    "Run": "seqlab.training.train",
    "SemiMarkovCrf": "seqlab.heads.layers",
    "Span": "seqlab.types",
    "Steps": "seqlab.steps",
    "Tagger": "seqlab.inference",
    "train": "seqlab.training.train",
}


def __getattr__(name: str) -> object:
    if name == "load":
        return import_module("seqlab.inference").Tagger.load
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'seqlab' has no attribute {name!r}")
