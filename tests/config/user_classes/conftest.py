"""A working folder with parts of a user's own in a bare Python file."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PARTS = """
from pathlib import Path

import torch
from torch import nn

from seqlab.data.fields import EncodedFrames, NumbersField
from seqlab.data.columns import Ragged
from seqlab.data.readers import LinesReader, Reader
from seqlab.embeddings import Embedding
from seqlab.encoders import Encoder
from seqlab.heads import SoftmaxTokenHead, TokenHead
from seqlab.heads.distributions import IndependentTags

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

class MyHead(TokenHead):
    def __init__(self, *, target, input_width, summary_width):
        super().__init__(target=target)
        self.projection = nn.Linear(input_width, len(target.tags))

    def distribution(self, steps, batch):
        return IndependentTags(self.projection(steps.zero_padded().values), steps.lengths, self.reader)

    def _loss(self, believed, tags, steps):
        return nn.functional.cross_entropy(believed.scores.flatten(0, 1), tags.flatten(), ignore_index=-1)

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
