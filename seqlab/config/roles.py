"""The base class that each place of a config requires, and the arguments that a run passes to the class there.

Base classes are dotted paths, compared with a class's `__mro__`: this package must not import those of the parts.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Role:
    """The requirements on a class at some place.

    Args:
        name: The base classes as users import them, for messages.
        bases: The base classes as they are defined; a class fits if it derives from one of them.
        given: Constructor arguments that the run passes.
        is_open: Whether a class from the user's own file may derive from something else.
    """

    name: str
    bases: tuple[str, ...]
    given: tuple[str, ...] = ()
    is_open: bool = False

    def fits(self, value: object) -> bool:
        """Return whether `value` is a class of this role."""
        return isinstance(value, type) and any(f"{base.__module__}.{base.__qualname__}" in self.bases for base in value.__mro__)


_FIELD, _READER, _MODULE = "seqlab.data.fields.base.Field", "seqlab.data.readers.base.Reader", "torch.nn.modules.module.Module"

ENCODER = Role("seqlab.encoders.Encoder", ("seqlab.encoders.base.Encoder",), ("input_width",))
CELL = Role("seqlab.encoders.Cell", ("seqlab.encoders.cells.base.Cell",))
EMBEDDING = Role("seqlab.embeddings.Embedding", ("seqlab.embeddings.base.Embedding",))
HEAD = Role("seqlab.heads.Head", ("seqlab.heads.base.Head",), ("input_width", "summary_width"))
FIELD = Role("seqlab.data.fields.Field", (_FIELD,))
READER = Role("seqlab.data.readers.Reader", (_READER,))
PART = Role("torch.nn.Module or seqlab.data.fields.Field", (_MODULE, _FIELD), is_open=True)
"""Any other part of a model."""
LOADABLE = Role(f"torch.nn.Module, {FIELD.name} or {READER.name}", (_MODULE, _FIELD, _READER), is_open=True)
"""Any part of a bundle, or of the data that it was trained on."""

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
    "optimizer": Role("torch.optim.Optimizer", ("torch.optim.optimizer.Optimizer",)),
    "callbacks.*": Role("pytorch_lightning.Callback", ("pytorch_lightning.callbacks.callback.Callback",)),
    "logger.*": Role("pytorch_lightning.loggers.Logger", ("pytorch_lightning.loggers.logger.Logger",)),
    "trainer": Role(
        "pytorch_lightning.Trainer",
        ("pytorch_lightning.trainer.trainer.Trainer",),
        ("callbacks", "logger", "reload_dataloaders_every_n_epochs"),
    ),
}
"""Place: role; `*` stands for one name."""
_OF_MODEL = ("embedding.parts.", "encoder.", "heads.")
PLACE_OF_GROUP = {"encoder": "encoder", "embedding": "embedding.parts.*", "head": "heads.*", "data": "data.reader"}
"""Config group: the place of the part that its options describe."""


def role_at(path: str) -> Role | None:
    """Return the role of a class at `path` of a config; None where users cannot name a class of their own."""
    found = next((role for pattern, role in _PLACES.items() if is_at(path, pattern)), None)
    return PART if found is None and path.startswith(_OF_MODEL) else found


def is_at(path: str, pattern: str) -> bool:
    """Return whether `path` matches `pattern`, in which `*` stands for one name."""
    names, patterns = path.split("."), pattern.split(".")
    return len(names) == len(patterns) and all(map(fnmatchcase, names, patterns))
