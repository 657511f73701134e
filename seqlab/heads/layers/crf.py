"""`Crf`: the linear-chain CRF as a layer over emissions and a mask."""

from collections.abc import Sequence
from typing import TypeAlias, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from seqlab.data.schemes import get_scheme
from seqlab.data.schemes.scheme import Transitions
from seqlab.errors import ConfigError
from seqlab.functional import linear_chain
from seqlab.functional.linear_chain import Chain
from seqlab.heads.crf import transition_scores
from seqlab.heads.distributions import ChainTags
from seqlab.heads.layers.masks import Mask, lengths_of
from seqlab.heads.layers.reductions import check_reduction, reduced
from seqlab.heads.parts.tag_reader import TagReader

Emissions: TypeAlias = Float[Tensor, "batch time tag"]
# The shapes of these are checked against the emissions, with a message of our own.
Tags: TypeAlias = Int[Tensor, "batch_of_tags time_of_tags"] | Bool[Tensor, "batch_of_tags time_of_tags tag_of_tags"]


@final
class Crf(nn.Module):
    """Linear-chain CRF (Lafferty et al. 2001) over emissions (batch, time, tag), such as the output of a linear layer.

    Sums run in float64, whatever the type of the emissions; padding and batch-mates change nothing. A record without steps
    has loss 0 and an empty path.

    Args:
        n_tags: Number of tags, whose ids are 0 to n_tags - 1.
        constraints: Which tags may start a sequence, follow each other and end it; None: any. The transitions that it forbids
            have probability 0.

    Example:
        >>> crf = Crf(n_tags=3)
        >>> emissions, tags = torch.zeros(2, 4, 3), torch.zeros(2, 4, dtype=torch.long)
        >>> mask = torch.tensor([[True, True, True, True], [True, False, False, False]])
        >>> crf.loss(emissions, tags, mask).backward()
        >>> [len(path) for path in crf.decode(emissions, mask)]
        [4, 1]
    """

    step_limits: Tensor
    start_limits: Tensor
    end_limits: Tensor
    """0 where the constraints allow, else -inf; not saved."""
    reader: TagReader | None = None
    """Decodes the ids of `of_tags`; None: tags have no names."""

    def __init__(self, n_tags: int, constraints: Transitions | None = None) -> None:
        super().__init__()
        if n_tags < 1:
            raise ConfigError(f"n_tags is {n_tags}; expected at least 1")
        self.n_tags = n_tags
        self.transitions, self.start, self.end = transition_scores(n_tags)
        for name, shape in (("step", (n_tags, n_tags)), ("start", (n_tags,)), ("end", (n_tags,))):
            allowed = torch.ones(shape, dtype=torch.bool)
            if constraints is not None:
                allowed = torch.as_tensor(getattr(constraints, name), dtype=torch.bool)
            if allowed.shape != shape:
                raise ConfigError(
                    f"constraints.{name} has the shape {tuple(allowed.shape)}; expected {shape}, for {n_tags} tags"
                )
            self.register_buffer(f"{name}_limits", torch.zeros(shape).masked_fill(~allowed, -torch.inf), persistent=False)

    @classmethod
    def of_tags(cls, tags: Sequence[str], scheme: str | None = None) -> "Crf":
        """Return a CRF over named tags, constrained by a span scheme such as BIO; None: plain labels, any sequence."""
        found = None if scheme is None else get_scheme(scheme)
        crf = cls(len(tags), None if found is None else found.transitions(list(tags)))
        crf.reader = TagReader(list(tags), found)
        return crf

    def loss(
        self,
        emissions: Emissions,
        tags: Tags,
        mask: Mask = None,
        *,
        class_weights: Float[Tensor, " weighted_tag"] | None = None,
        reduction: str = "mean",
    ) -> Tensor:
        """Return -log P(tags), in nats.

        Args:
            emissions: Scores of tags, any real numbers.
            tags: Gold ids, a negative one where nobody annotated the step; or the tags that are allowed at each step.
            mask: True for real steps, which come first; None: all are. Tags at padding are not read.
            class_weights: Weight of each gold tag: that of the factor P(tag | tag before) in P(tags), so that with equal
                weights nothing but the scale changes. For fully annotated tags only.
            reduction: `mean` over records, `token_mean` over real steps, `sum`, or `none`: one loss a record.

        Raises:
            ConfigError: a shape, the mask, a tag or the reduction does not fit.
        """
        check_reduction(reduction, of="token")
        chain = self.chain(emissions, mask)
        self._check_tags(tags, chain)
        losses = self._losses(chain, tags) if class_weights is None else _weighted_losses(chain, tags, class_weights)
        return reduced(losses, reduction, chain.lengths)

    def log_prob(
        self,
        emissions: Emissions,
        tags: Tags,
        mask: Mask = None,
    ) -> Float[Tensor, " batch"]:
        """Return log P(tags) of each record, with a gradient; arguments are those of `loss`."""
        return -self.loss(emissions, tags, mask, reduction="none")

    def decode(self, emissions: Emissions, mask: Mask = None) -> list[list[int]]:
        """Return the most probable path of each record, without padding."""
        chain = self.chain(emissions, mask)
        return _rows(linear_chain.viterbi(chain)[0], chain.lengths)

    def n_best(self, emissions: Emissions, mask: Mask = None, *, n: int) -> list[list[tuple[list[int], float]]]:
        """Return the `n` most probable paths of each record with their probabilities, best first, or all if there are fewer."""
        believed = self.distribution(emissions, mask)
        paths, logs = believed.best_paths(n)
        of_records = zip(paths, logs.exp().tolist(), believed.lengths, strict=True)
        return [
            [(path, prob) for path, prob in zip(_rows(rows, length.expand(len(rows))), probs, strict=True) if prob > 0]
            for rows, probs, length in of_records
        ]

    def marginals(self, emissions: Emissions, mask: Mask = None) -> Float[Tensor, "batch time tag"]:
        """Return P(tag at step), 0 at padding. No gradient."""
        return linear_chain.marginals(self.chain(emissions, mask))

    def span_probs(self, emissions: Emissions, mask: Mask = None) -> list[list[tuple[int, int, str, float]]]:
        """Return the spans of the most probable path of each record, as (start, end, label, probability), end exclusive.

        The probability is that the span has exactly these bounds and this label.

        Raises:
            ConfigError: the CRF was not made by `of_tags` with a scheme.
        """
        if self.reader is None or self.reader.scheme is None:
            raise ConfigError("span_probs needs tags that encode spans: make the CRF by Crf.of_tags(tags, scheme='BIO')")
        believed = self.distribution(emissions, mask)
        spans = [self.reader.scheme.spans(row) for row in self.reader.rows(believed.best, believed.lengths)]
        found = zip(spans, believed.span_probs or (), strict=True)
        return [[(*span, prob) for span, prob in zip(row, probs, strict=True)] for row, probs in found]

    def entropy(self, emissions: Emissions, mask: Mask = None) -> Float[Tensor, " batch"]:
        """Return the entropy of the distribution over the paths of each record, in nats. No gradient."""
        return linear_chain.entropy(self.chain(emissions, mask))

    def sample(
        self,
        emissions: Emissions,
        mask: Mask = None,
        *,
        n: int = 1,
        generator: torch.Generator | None = None,
    ) -> Int[Tensor, "batch sample time"]:
        """Return `n` paths of each record, drawn by their probabilities; 0 at padding."""
        return linear_chain.sample(self.chain(emissions, mask), n, generator=generator)

    def distribution(self, emissions: Emissions, mask: Mask = None) -> ChainTags:
        """Return the distribution over paths, which computes each of its sums once: for several questions of one batch."""
        names = self.reader or TagReader([str(i) for i in range(self.n_tags)], None)
        return ChainTags(self.chain(emissions, mask), names)

    def chain(self, emissions: Emissions, mask: Mask = None) -> Chain:
        """Return the scores of all paths, those that the constraints forbid at -inf.

        Raises:
            ConfigError: a shape does not fit, or the mask has a gap.
        """
        if emissions.dim() != 3 or emissions.shape[2] != self.n_tags:
            raise ConfigError(f"emissions have the shape {tuple(emissions.shape)}; expected (batch, time, {self.n_tags})")
        limits = (self.step_limits, self.start_limits, self.end_limits)
        scores = (self.transitions, self.start, self.end)
        added = [score + limit for score, limit in zip(scores, limits, strict=True)]
        return Chain(emissions, lengths_of(mask, emissions), *added)

    def extra_repr(self) -> str:
        """Return the number of tags, for printing the module."""
        return f"n_tags={self.n_tags}"

    def _losses(self, chain: Chain, tags: Tensor) -> Float[Tensor, " batch"]:
        if tags.dtype != torch.bool:
            if not ((tags < 0) & chain.mask).any():
                return linear_chain.negative_log_likelihood(chain, tags.clamp(min=0))
            tags = (tags.unsqueeze(2) < 0) | (tags.unsqueeze(2) == torch.arange(self.n_tags, device=tags.device))
        return linear_chain.partial_negative_log_likelihood(chain, tags)

    def _check_tags(self, tags: Tensor, chain: Chain) -> None:
        expected = chain.emissions.shape if tags.dtype == torch.bool else chain.emissions.shape[:2]
        if tags.shape != expected:
            raise ConfigError(f"tags have the shape {tuple(tags.shape)}; expected {tuple(expected)}")
        highest = int(tags.masked_fill(~chain.mask, 0).amax()) if tags.dtype != torch.bool and tags.numel() else 0
        if highest >= self.n_tags:
            raise ConfigError(
                f"a tag is {highest}; expected 0 to {self.n_tags - 1}, or a negative one for a step without annotation"
            )


def _weighted_losses(chain: Chain, tags: Tensor, weights: Tensor) -> Float[Tensor, " batch"]:
    if weights.shape != chain.start.shape:
        raise ConfigError(f"class_weights have the shape {tuple(weights.shape)}; expected {tuple(chain.start.shape)}")
    if tags.dtype == torch.bool or (tags < 0)[chain.mask].any():
        raise ConfigError("class_weights need one gold tag at each step; some are not annotated")
    tags = tags.masked_fill(~chain.mask, 0)
    logs = linear_chain.step_log_probs(chain, tags)
    return -(weights.to(logs.dtype)[tags] * logs).sum(1).to(chain.score_dtype)


def _rows(ids: Int[Tensor, "row time"], lengths: Int[Tensor, " row"]) -> list[list[int]]:
    return [row[:length] for row, length in zip(ids.tolist(), lengths.tolist(), strict=True)]
