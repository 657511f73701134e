"""Structures that compiled functions read, packed as a whole: setting fields one by one would slow down short calls."""

import ctypes
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import final

from torch import Tensor

NUMBER, REAL, POINTER, POINTER_OR_REAL = "q", "d", "P", "Pd"
"""Formats of an int64_t, a double, a pointer, and a pointer followed by the number used where it is null."""

Value = Tensor | float | None


class KernelError(Exception):
    """A library cannot be used; its work is done in PyTorch."""


def fields_of(code: str, *names: str) -> list[tuple[str, str]]:
    """Return fields of one format."""
    return [(name, code) for name in names]


class _Field(ctypes.Structure):
    """An entry of a table that `LAYOUT` (layout.h) makes."""

    _fields_ = (("name", ctypes.c_char_p), ("offset", ctypes.c_int64), ("size", ctypes.c_int64), ("kind", ctypes.c_int64))


@final
@dataclass(frozen=True)
class Structure:
    """A C structure: its name, the sizes (int64_t) at its beginning, then other fields, each with its format."""

    name: str
    sizes: tuple[str, ...]
    fields: list[tuple[str, str]]

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of the fields after the sizes."""
        return frozenset(name for name, _ in self.fields)

    @cached_property
    def layout(self) -> struct.Struct:
        """The format of the whole structure."""
        return struct.Struct("@" + "q" * len(self.sizes) + "".join(code for _, code in self.fields))

    def pack(self, sizes: list[int], values: Mapping[str, Value]) -> tuple[bytes, list[Tensor]]:
        """Return the packed structure and the tensors that it points to, which must outlive the call.

        A field without a value is null or 0. Tensors that are written to must be contiguous; others are copied if need be.
        """
        assert values.keys() <= self.names, values.keys() - self.names
        packed: list[float] = [*sizes]
        kept = []
        for name, code in self.fields:
            value = values.get(name)
            if isinstance(value, Tensor):
                kept.append(value.contiguous())
                packed.append(kept[-1].data_ptr())
                if code == POINTER_OR_REAL:
                    packed.append(0.0)
            elif code == POINTER_OR_REAL:
                packed += (0, value or 0.0)
            else:
                packed.append(value or 0)
        return self.layout.pack(*packed), kept

    def check(self, library: ctypes.CDLL) -> None:
        """Raise KernelError where the library reads this structure differently from how `pack` writes it."""
        try:
            table = ctypes.pointer(_Field.in_dll(library, f"seqlab_layout_{self.name}"))
        except ValueError as error:
            raise KernelError(f"the library reports no layout of {self.name}") from error
        if table[0].size != self.layout.size:
            raise KernelError(f"{self.name} has {table[0].size} bytes in C, {self.layout.size} in Python")
        offset = 0
        for place, (name, kind) in enumerate(self._flat_fields(), start=1):
            size = struct.calcsize(kind)
            entry = table[place]
            found = (entry.name or b"").decode()
            in_c, in_python = (entry.offset, entry.size, chr(entry.kind)), (offset, size, kind)
            # C names the fields of nested structures by their path: `size.n_steps` is `n_steps` here.
            if not f".{found}".endswith(f".{name}") or in_c != in_python:
                raise KernelError(f"{self.name}.{name} is {in_python} in Python, but C has {found} {in_c}")
            offset += size

    def _flat_fields(self) -> list[tuple[str, str]]:
        """Return every field as C has it: a pointer or number is a nested structure of two."""
        flat = fields_of(NUMBER, *self.sizes)
        for name, code in self.fields:
            both = [(f"{name}.values", POINTER), (f"{name}.everywhere", REAL)]
            flat += both if code == POINTER_OR_REAL else [(name, code)]
        return flat
