"""Structures as C has them, packed as a whole: a call is so short that fields set one by one would be felt."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import final

from torch import Tensor

NUMBER, REAL, POINTER, POINTER_OR_REAL = "q", "d", "P", "Pd"
"""The formats of an int64_t, a double, a pointer, and a pointer followed by the number that stands where it is null."""

Value = Tensor | float | None


def fields_of(code: str, *names: str) -> list[tuple[str, str]]:
    """Return fields of one format."""
    return [(name, code) for name in names]


@final
@dataclass(frozen=True)
class Structure:
    """Fields by name, each with its format, after the sizes (int64_t) that it begins with."""

    n_sizes: int
    fields: list[tuple[str, str]]

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.fields)

    @cached_property
    def layout(self) -> struct.Struct:
        return struct.Struct(f"@{self.n_sizes}q" + "".join(code for _, code in self.fields))

    def pack(self, sizes: list[int], values: Mapping[str, Value]) -> tuple[bytes, list[Tensor]]:
        """Return the packed structure, and the tensors that it points to, which must live until it has been used.

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
