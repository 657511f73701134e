"""Which tags are allowed where: by the span scheme, and by the annotation of a record."""

from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from seqlab.data.fields import NO_TARGET, TagTargets
from seqlab.functional.linear_chain import Chain


@final
class TagConstraints(nn.Module):
    """The tags that may begin, follow and end a record, as 0 and -inf to add to scores, and those that a target allows.

    Without a scheme, all scores are 0. A target allows its own tag, a set of tags each of them, and no target every tag.
    """

    start: Tensor
    step: Tensor
    end: Tensor
    table: Tensor
    """Tags allowed by each target, (target tag); the last row is `NO_TARGET`, which is -1."""

    def __init__(self, target: TagTargets) -> None:
        super().__init__()
        n_tags, scheme = len(target.tags), target.span_scheme
        by_scheme = scheme.transitions(target.tags) if scheme else None
        for name, shape in (("start", (n_tags,)), ("step", (n_tags, n_tags)), ("end", (n_tags,))):
            is_allowed = torch.from_numpy(getattr(by_scheme, name)) if by_scheme else torch.ones(shape, dtype=torch.bool)
            # not saved: derived from the target, like the table
            self.register_buffer(name, torch.zeros(shape).masked_fill(~is_allowed, -torch.inf), persistent=False)
        table = torch.zeros(n_tags + len(target.sets) + 1, n_tags, dtype=torch.bool)
        table[range(n_tags), range(n_tags)] = True
        for i, ids in enumerate(target.sets):
            table[n_tags + i, ids] = True
        # NO_TARGET is -1, which indexes the last row
        table[NO_TARGET] = True
        self.register_buffer("table", table, persistent=False)

    def chain(self, emissions: Float[Tensor, "batch time tag"], lengths: Int[Tensor, " batch"], *scores: Tensor) -> Chain:
        """Return the chain of `scores`, of transitions, start and end (by default all 0), with the forbidden ones at -inf."""
        limits = (self.step, self.start, self.end)
        added = [limit + score for limit, score in zip(limits, scores, strict=True)] if scores else limits
        return Chain(emissions, lengths, *added)

    def allowed(self, targets: Int[Tensor, "*place"]) -> Bool[Tensor, "*place tag"]:
        """Return the tags that each target allows."""
        return self.table[targets]

    def single(self, targets: Int[Tensor, "*place"]) -> Int[Tensor, "*place"]:
        """Return the targets with `NO_TARGET` in place of sets."""
        return targets.masked_fill(targets >= self.table.shape[1], NO_TARGET)
