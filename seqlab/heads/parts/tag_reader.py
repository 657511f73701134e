"""Decode the ids of a whole batch into tags and the spans that they encode."""

from collections.abc import Sequence
from functools import cached_property
from typing import final

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from seqlab.data.schemes import Scheme
from seqlab.data.schemes.reading import Neighbours, TagParts, read_default
from seqlab.data.schemes.rules import DEFAULT_RULES
from seqlab.functional.linear_chain import Stretches
from seqlab.functional.padding import step_mask


@final
class TagReader:
    """Decodes ids into `tags`, and into the spans that these encode in `scheme` (None: they encode no spans)."""

    def __init__(self, tags: Sequence[str], scheme: Scheme | None) -> None:
        self.tags, self.scheme = tags, scheme

    def rows(self, ids: Int[Tensor, "row time"], lengths: Int[Tensor, " row"]) -> list[list[str]]:
        """Return the tags of each row up to its length."""
        tags = self.tags
        return [[tags[i] for i in row[:length]] for row, length in zip(ids.tolist(), lengths.tolist(), strict=True)]

    @cached_property
    def continues(self) -> Bool[Tensor, "prev_tag tag"]:
        """Whether the second of two neighbouring tags belongs to the span of the first."""
        assert self.scheme is not None
        return torch.from_numpy(self.scheme.goes_on(self.tags))

    def spans(self, ids: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"]) -> Stretches | None:
        """Return the spans of all records, record by record, as `Scheme.spans` decodes them; None without a scheme."""
        # in one pass over the batch: `Scheme.spans` takes longer per record than the model does
        if self.scheme is None:
            return None
        n_records, n_steps = ids.shape
        # an `O`, code 0, after each record, so that no span continues in the next one
        codes = np.zeros((n_records, n_steps + 1), dtype=np.intp)
        codes[:, :-1] = np.where(step_mask(lengths, n_steps).cpu().numpy(), self._codes[ids.cpu().numpy()], 0)
        found = read_default(Neighbours.of(codes.ravel()), parts=self._parts, rules=DEFAULT_RULES)
        records, starts = np.divmod(found.starts, n_steps + 1)
        places = (records, starts, found.ends - records * (n_steps + 1))
        return Stretches(*(torch.from_numpy(place).to(ids.device) for place in places))

    @cached_property
    def _codes(self) -> Int[np.ndarray, " tag"]:
        return np.array([0 if tag == "O" else 1 + i for i, tag in enumerate(self.tags)], dtype=np.intp)

    @cached_property
    def _parts(self) -> TagParts:
        assert self.scheme is not None
        return TagParts.of(["O", *self.tags], split=self.scheme.split_lenient)
