"""Start a model from another one: tensors of equal meaning are taken, and those with places for items grow or shrink."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, final

import torch
from torch import Tensor

from seqlab.embeddings.base import OTHERS
from seqlab.errors import ConfigError
from seqlab.heads import Head
from seqlab.model.labeler import Labeler

Axes: TypeAlias = Sequence[Sequence[str] | None]
"""The items along each axis of a tensor; None for an axis that has none."""
_PLAIN = "-"
_N_NAMED = 5
"""Items named in a line of the report."""


@final
@dataclass
class Transfer:
    """What a model took from another one, by names of tensors."""

    taken: list[str] = field(default_factory=list)
    """Tensors taken whole."""
    fitted: dict[str, str] = field(default_factory=dict)
    """Tensors of which some places were taken -> what was kept, added and dropped."""
    new: dict[str, str] = field(default_factory=dict)
    """Tensors that start anew -> the reason."""
    dropped: list[str] = field(default_factory=list)
    """Tensors of the other model that this one lacks."""

    def report(self) -> str:
        """Return the counts, and a line for each tensor that was not taken whole."""
        counts = f"{len(self.taken)} tensors taken, {len(self.fitted)} fitted, {len(self.new)} new, {len(self.dropped)} dropped"
        lines = [f"{name}: {what}" for name, what in (self.fitted | self.new | dict.fromkeys(self.dropped, "dropped")).items()]
        return "\n  ".join([counts, *lines])


@torch.no_grad()
def transfer(labeler: Labeler, earlier: Labeler) -> Transfer:
    """Copy into `labeler` what `earlier` has of it.

    Tensors are matched by name, and places along the axes that parts declare (`item_axes`) by item: a word that only the new
    model knows starts as unknown words do, any other item as in a new model. Where the encoder reads other features, those of
    equal parts of the embedding are matched.

    Raises:
        ConfigError: the models have no tensor in common.
    """
    found = Transfer()
    new, old = labeler.state_dict(), earlier.state_dict()
    axes, earlier_axes = _axes(labeler), _axes(earlier)
    strangers = tuple(_strangers(labeler, earlier))
    for name, tensor in new.items():
        here, there = (known.get(name, [None] * tensor.ndim) for known in (axes, earlier_axes))
        if name not in old:
            found.new[name] = "new; the other model has none"
        elif name.startswith(strangers):
            found.new[name] = "new; the other one belongs to other labels or data"
        elif here is None or there is None:
            found.new[name] = "new for each model"
        else:
            if name.startswith("encoder.") and old[name].shape != tensor.shape:
                here, there = _with_features(here, tensor, labeler), _with_features(there, old[name], earlier)
            _copy(name, tensor, old[name], here, there, found)
    found.dropped = [name for name in old if name not in new]
    if not found.taken and not found.fitted:
        raise ConfigError("init_from: this model has no tensor of that one; use the same embedding, encoder and names of heads")
    return found


def _axes(labeler: Labeler) -> dict[str, Axes | None]:
    """Return the axes of each tensor that a part declares; None for tensors that fit one model only."""
    found: dict[str, Axes | None] = {}
    for path, module in labeler.named_modules():
        declared: Mapping[str, str | None] = getattr(module, "item_axes", {})
        for name, letters in declared.items():
            axes = letters and [None if letter == _PLAIN else module.axis_items(letter) for letter in letters]
            found[f"{path}.{name}"] = axes or None
    return found


def _strangers(labeler: Labeler, earlier: Labeler) -> Iterator[str]:
    """Yield the paths of parts that know other labels or data than before, and declare no places for them."""
    for name, head in labeler.heads.items():
        is_declared = any(part.item_axes for part in head.modules() if isinstance(part, Head))
        if name in earlier.heads and not is_declared and head.axis_items("l") != earlier.heads[name].axis_items("l"):
            yield f"heads.{name}."
    for name, part in labeler.embedding.by_name.items():
        before = earlier.embedding.by_name.get(name)
        if before is not None and not part.item_axes and part.field.state() != before.field.state():
            yield f"embedding.parts.{name}."


def _with_features(axes: Axes, tensor: Tensor, labeler: Labeler) -> Axes:
    """Return the axes with the features of the embedding as the last one, if that has their number."""
    features = [f"{name} {i}" for name, part in labeler.embedding.by_name.items() for i in range(part.output_width)]
    return [*axes[:-1], features] if tensor.ndim and tensor.shape[-1] == len(features) else axes


def _copy(name: str, tensor: Tensor, old: Tensor, here: Axes, there: Axes, found: Transfer) -> None:
    """Copy the places that both tensors have, and note what was done."""
    is_plain = [mine is None or theirs is None for mine, theirs in zip(here, there, strict=True)]
    sizes = zip(is_plain, tensor.shape, old.shape, strict=False)
    if tensor.ndim != old.ndim or any(plain and size != before for plain, size, before in sizes):
        found.new[name] = f"new; {tuple(old.shape)} there, {tuple(tensor.shape)} here"
        return
    into, out_of, said = [], [], []
    for axis, (mine, theirs) in enumerate(zip(here, there, strict=True)):
        places = list(range(tensor.shape[axis]))
        if mine is not None and theirs is not None:
            places = _places(mine, theirs)
            said += _changes(mine, theirs)
        shape = [-1 if i == axis else 1 for i in range(tensor.ndim)]
        into.append(torch.tensor([i for i, place in enumerate(places) if place >= 0], dtype=torch.long).view(shape))
        out_of.append(torch.tensor([place for place in places if place >= 0], dtype=torch.long).view(shape))
    tensor[tuple(into)] = old[tuple(out_of)]
    if said:
        found.fitted[name] = "; ".join(dict.fromkeys(said))
    else:
        found.taken.append(name)


def _places(mine: Sequence[str], theirs: Sequence[str]) -> list[int]:
    """Return where the other tensor has each item: that of unknown ones for items that it lacks; -1 if there is none."""
    places = {item: i for i, item in enumerate(theirs)}
    return [places.get(item, places.get(OTHERS, -1)) for item in mine]


def _changes(mine: Sequence[str], theirs: Sequence[str]) -> list[str]:
    """Return what is kept, added and dropped, if anything changes."""
    here, there = set(mine), set(theirs)
    n_kept = len(here & there)
    if n_kept == len(here) == len(there):
        return []
    parts = [f"{n_kept:,} kept"]
    for said, items in (("added", [i for i in mine if i not in there]), ("dropped", [i for i in theirs if i not in here])):
        named = ", ".join(items[:_N_NAMED]) + ", …" * (len(items) > _N_NAMED)
        parts += [f"{len(items):,} {said} ({named})"] if items else []
    return [", ".join(parts)]
