"""Structures that compiled functions read, packed as a whole: setting fields one by one would slow down short calls."""

import ctypes
import struct
from collections.abc import Mapping
from itertools import accumulate, count, takewhile
from typing import final

from torch import Tensor

Value = Tensor | float | None


class KernelError(Exception):
    """A library cannot be used; its work is done in PyTorch."""


class _Field(ctypes.Structure):
    """An entry of a table that `LAYOUT` (layout.h) makes."""

    _fields_ = (("name", ctypes.c_char_p), ("offset", ctypes.c_int64), ("size", ctypes.c_int64), ("kind", ctypes.c_int64))


@final
class Structure:
    """A C structure, packed in the layout that the library reports, so that Python has no list of fields of its own.

    Args:
        library: The loaded library.
        name: Name of the structure in C.

    Raises: KernelError where the library reports no such layout, or one that does not list all fields in their order.
    """

    def __init__(self, library: ctypes.CDLL, name: str) -> None:
        try:
            table = ctypes.pointer(_Field.in_dll(library, f"seqlab_layout_{name}"))
        except ValueError as error:
            raise KernelError(f"the library reports no layout of {name}") from error
        # The first entry describes the structure as a whole; a name of NULL ends the table.
        entries = list(takewhile(lambda entry: entry.name, (table[place] for place in count(1))))
        kinds = [chr(entry.kind) for entry in entries]
        offsets = list(accumulate(map(struct.calcsize, kinds), initial=0))
        # Fields that Python packs one after the other must lie so in C, without gaps or a missing one: else it would write
        # addresses to wrong places.
        if [*(entry.offset for entry in entries), table[0].size] != offsets:
            raise KernelError(f"the layout of {name} does not list all fields of the structure in their order")
        self.fields = [(_key(entry.name.decode()), kind == "P") for entry, kind in zip(entries, kinds, strict=True)]
        self.names = frozenset(key for key, _ in self.fields)
        self._format = struct.Struct("@" + "".join(kinds))

    def pack(self, sizes: list[int], values: Mapping[str, Value]) -> tuple[bytes, list[Tensor]]:
        """Return the packed structure and the tensors that it points to, which must outlive the call.

        `sizes` are its first fields, `values` others by name; a field without a value is null or 0. A zone, a pointer and a
        number of one name, takes a tensor or a number. Tensors that are written to must be contiguous; others may be copied.
        """
        assert values.keys() <= self.names, values.keys() - self.names
        packed: list[float] = [*sizes]
        kept = []
        for name, is_pointer in self.fields[len(sizes) :]:
            value = values.get(name)
            if is_pointer and isinstance(value, Tensor):
                # `contiguous` may make a copy that nothing else holds, so it is returned and lives until the call ends.
                kept.append(value.contiguous())
                packed.append(kept[-1].data_ptr())
            elif is_pointer or isinstance(value, Tensor):
                packed.append(0)
            else:
                packed.append(value or 0)
        return self._format.pack(*packed), kept


def _key(path: str) -> str:
    """Return the name of a field in Python: `size.n_steps` is `n_steps`, both parts of a `Zone` have the name of the whole."""
    return path.removesuffix(".values").removesuffix(".everywhere").rpartition(".")[2]
