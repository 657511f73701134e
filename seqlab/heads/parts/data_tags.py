"""Tags of a head in the scheme of the data, where reading converts them to another scheme for training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

from seqlab.data.multitask.data_schemes import data_scheme
from seqlab.data.schemes import Scheme
from seqlab.data.schemes.tags import join_tag, split_tag
from seqlab.types import Alternative, Prediction


@final
@dataclass(frozen=True)
class DataTags:
    """Converts tags from the scheme of a head's target, `own`, to that of the data, `scheme`."""

    own: Scheme
    scheme: Scheme

    @classmethod
    def of(cls, data: Mapping[str, Any], *, head: str, column: str, own: Scheme | None) -> "DataTags | None":
        """Return the conversion for the tags of `head`; None if the data config `data` needs none."""
        scheme = data_scheme(data, head=head, column=column)
        return None if own is None or scheme is None or scheme.name == own.name else cls(own, scheme)

    @property
    def is_by_step(self) -> bool:
        """Whether the tag of a step follows from its own one alone, as in BIO for BIOES, and not in BIOES for BIO."""
        pairs = set(zip(self.own.encoding, self.scheme.encoding, strict=True))
        return len(pairs) == len(set(self.own.encoding)) and not (self.own.is_b_separator or self.scheme.is_b_separator)

    def tag(self, tag: str) -> str:
        """Return the tag of a step for its own `tag`, if `is_by_step`."""
        prefix, label = split_tag(tag)
        prefixes = dict(zip(self.own.encoding, self.scheme.encoding, strict=True))
        return join_tag(prefixes[prefix], label) if prefix in prefixes else tag

    def tags(self, tags: Sequence[str]) -> list[str]:
        """Return the tags of the same spans."""
        return self.scheme.encode(self.own.spans(tags), n_steps=len(tags))

    def prediction(self, one: Prediction) -> Prediction:
        """Return a prediction, and its alternatives, with tags of the same spans."""
        ranked = one.alternatives
        alternatives = None if ranked is None else [Alternative(self.tags(tags), prob) for tags, prob in ranked]
        return replace(one, labels=self.tags(one.labels), alternatives=alternatives)
