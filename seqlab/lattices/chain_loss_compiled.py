"""The likelihood of a chain and its gradient in two compiled calls: at common sizes, tensors' calls cost more than the sums."""

from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqlab.autograd import apply
from seqlab.lattices import chain_compiled
from seqlab.lattices.chain import Chain
from seqlab.lattices.chain_compiled import Sums


def compiled_loss(chain: Chain, tags: Int[Tensor, "batch time"]) -> Float[Tensor, " batch"] | None:
    """Return -log P(tags) as `chain_loss` does, differentiable; None where that needs more than the compiled sums."""
    if not (chain_compiled.is_usable(chain) and chain.emissions.shape[1]):
        return None
    exact, tags = chain.detached(), tags.long().contiguous()
    sums = chain_compiled.sums(exact, tags)
    if not sums.is_exact.all():
        return None
    return cast(Tensor, apply(_CompiledLoss, *chain.scores, exact.lengths, tags, sums))


class _CompiledLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Tensor, tags: Tensor, sums: Sums
    ) -> Tensor:
        chain = Chain(emissions, lengths, transitions, start, end)
        ctx.save_for_backward(lengths, tags, *sums)
        ctx.dtypes = [scores.dtype for scores in chain.scores]
        loss = sums.log_partition - sums.path_score
        return loss.masked_fill_(sums.path_score == -torch.inf, torch.inf).to(chain.score_dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        lengths, tags, *sums = ctx.saved_tensors
        counts = chain_compiled.counts(Sums(*sums), lengths, tags, grad.double())
        return *(each.to(dtype) for each, dtype in zip(counts, ctx.dtypes, strict=True)), None, None, None
