"""What each place of a config takes: the class that stands there is of a role, and is handed some arguments by the run."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger
from torch import nn, optim

from seqlab.data.fields import Field
from seqlab.data.readers import Reader
from seqlab.embeddings import Embedding
from seqlab.encoders import Cell, Encoder
from seqlab.heads import Head


@dataclass(frozen=True)
class Role:
    """What a class at a place is: a subclass of one of `bases`, which is constructed with the arguments `given` as well."""

    name: str
    """What the bases are called where they are imported from."""
    bases: tuple[type, ...]
    given: tuple[str, ...] = ()
    is_open: bool = False
    """Whether a class that the user wrote himself may be of another kind."""


ENCODER = Role("seqlab.encoders.Encoder", (Encoder,), ("input_width",))
CELL = Role("seqlab.encoders.Cell", (Cell,))
EMBEDDING = Role("seqlab.embeddings.Embedding", (Embedding,))
HEAD = Role("seqlab.heads.Head", (Head,), ("input_width", "summary_width"))
FIELD = Role("seqlab.data.fields.Field", (Field,))
READER = Role("seqlab.data.readers.Reader", (Reader,))
PART = Role("torch.nn.Module or seqlab.data.fields.Field", (nn.Module, Field), is_open=True)
"""Whatever else a model is made of."""
LOADABLE = Role(f"torch.nn.Module, {FIELD.name} or {READER.name}", (nn.Module, Field, Reader), is_open=True)
"""What a bundle, or the data that it was trained on, is made of."""

_PLACES = {
    "encoder": ENCODER,
    "encoder.cell": CELL,
    "encoder.parts.*.cell": CELL,
    "encoder.parts.*": ENCODER,
    "embedding.parts.*.field": FIELD,
    "embedding.parts.*": EMBEDDING,
    "heads.*.target": FIELD,
    "heads.*": HEAD,
    "data.reader": READER,
    "data.sets.*.reader": READER,
    "optimizer": Role("torch.optim.Optimizer", (optim.Optimizer,)),
    "callbacks.*": Role("pytorch_lightning.Callback", (pl.Callback,)),
    "logger.*": Role("pytorch_lightning.loggers.Logger", (Logger,)),
    "trainer": Role("pytorch_lightning.Trainer", (pl.Trainer,), ("callbacks", "logger", "reload_dataloaders_every_n_epochs")),
}
"""Places by pattern, a `*` for one name."""
_OF_MODEL = ("embedding.parts.", "encoder.", "heads.")
PLACE_OF_GROUP = {"encoder": "encoder", "embedding": "embedding.parts.*", "head": "heads.*", "data": "data.reader"}
"""Where an option of a config group puts its part."""


def role_at(path: str) -> Role | None:
    """Return the role of a class at `path` of a config; None where any will do, and users bring none of their own."""
    found = next((role for pattern, role in _PLACES.items() if is_at(path, pattern)), None)
    return PART if found is None and path.startswith(_OF_MODEL) else found


def is_at(path: str, pattern: str) -> bool:
    """Return whether `path` is a place of `pattern`, in which `*` is one name."""
    names, patterns = path.split("."), pattern.split(".")
    return len(names) == len(patterns) and all(map(fnmatchcase, names, patterns))
