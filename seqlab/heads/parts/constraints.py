"""Which tags are allowed where: by the span scheme, and by the annotation of a record."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from seqlab.data.fields import NO_TARGET, TagTargets
from seqlab.functional.linear_chain import Chain


class SchemeConstraints(nn.Module):
    """Which tags may begin, follow and end, as 0 and -inf to add to scores; without a scheme all are 0."""

    start: Tensor
    step: Tensor
    end: Tensor

    def __init__(self, target: TagTargets) -> None:
        super().__init__()
        n_tags = len(target.tags)
        scheme = target.span_scheme
        allowed = scheme.transitions(target.tags) if scheme else None
        for name, shape in (("start", (n_tags,)), ("step", (n_tags, n_tags)), ("end", (n_tags,))):
            is_allowed = torch.from_numpy(getattr(allowed, name)) if allowed else torch.ones(shape, dtype=torch.bool)
            scores = torch.zeros(shape).masked_fill(~is_allowed, -torch.inf)
            self.register_buffer(name, scores, persistent=False)

    def chain(
        self,
        emissions: Float[Tensor, "batch time tag"],
        lengths: Int[Tensor, " batch"],
        *,
        transitions: Float[Tensor, "prev_tag tag"] | float = 0.0,
        start: Float[Tensor, " tag"] | float = 0.0,
        end: Float[Tensor, " tag"] | float = 0.0,
    ) -> Chain:
        """Return the chain of these scores with the forbidden ones at -inf."""
        return Chain(
            emissions=emissions,
            lengths=lengths,
            transitions=self.step + transitions,
            start=self.start + start,
            end=self.end + end,
        )


class Readings(nn.Module):
    """The tags that each target allows: a tag itself, a set of tags any of them, no target any tag."""

    table: Tensor

    def __init__(self, target: TagTargets) -> None:
        super().__init__()
        n_tags = len(target.tags)
        table = torch.zeros(n_tags + len(target.sets) + 1, n_tags, dtype=torch.bool)
        table[range(n_tags), range(n_tags)] = True
        for i, ids in enumerate(target.sets):
            table[n_tags + i, ids] = True
        table[NO_TARGET] = True
        self.register_buffer("table", table, persistent=False)

    def allowed(self, targets: Int[Tensor, "*place"]) -> Bool[Tensor, "*place tag"]:
        """Return the tags that each target allows."""
        return self.table[targets]

    def single(self, targets: Int[Tensor, "*place"]) -> Int[Tensor, "*place"]:
        """Return the targets with `NO_TARGET` in place of sets."""
        return targets.masked_fill(targets >= self.table.shape[1], NO_TARGET)
