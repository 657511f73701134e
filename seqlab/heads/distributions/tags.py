"""Distributions over sequences of tags: independent steps, a linear chain, and a chain of second order."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqlab.functional import linear_chain
from seqlab.functional.linear_chain import Chain
from seqlab.functional.linear_chain.posterior import Posterior, posterior
from seqlab.functional.linear_chain.second_order import SecondOrderChain
from seqlab.functional.padding import step_mask
from seqlab.heads.distributions.base import Distribution
from seqlab.heads.parts.tag_reader import TagReader
from seqlab.types import Alternative, Prediction


class TagDistribution(Distribution):
    """A tag for each step of a record. Values at padding are undefined."""

    def __init__(self, lengths: Int[Tensor, " batch"], reader: TagReader) -> None:
        self.lengths, self.reader = lengths, reader

    @property
    @abstractmethod
    def best(self) -> Int[Tensor, "batch time"]:
        """The most probable tags."""

    @property
    @abstractmethod
    def marginals(self) -> Float[Tensor, "batch time tag"]:
        """P(tag at step), given the record."""

    @property
    def log_marginals(self) -> Float[Tensor, "batch time tag"]:
        """Log P(tag at step), with a gradient."""
        raise NotImplementedError(f"{type(self).__name__} has no log marginals")

    @property
    def span_probs(self) -> list[list[float]] | None:
        """Probability of each span of `best`; None if tags encode no spans, or the probability of a span is not computed."""
        return None

    def answers(self, *, use_confidences: bool) -> list[Prediction]:
        """Return the best tags; the confidence of a tag is its marginal probability."""
        labels = self.reader.rows(self.best, self.lengths)
        if not use_confidences:
            return [Prediction(row, []) for row in labels]
        probs = self.marginals.gather(2, self.best.unsqueeze(2))[..., 0].tolist()
        spans: Sequence[list[float] | None] = self.span_probs or [None] * len(labels)
        rows = zip(labels, probs, spans, strict=True)
        return [Prediction(row, of_row[: len(row)], span_confidences=of_spans) for row, of_row, of_spans in rows]

    def _ranked(self, paths: Int[Tensor, "batch path time"], log_probs: Float[Tensor, "batch path"]) -> list[list[Alternative]]:
        """Return the paths as alternatives, without those of probability 0, which pad the rows."""
        n_paths = paths.shape[1]
        rows = self.reader.rows(paths.flatten(0, 1), self.lengths.repeat_interleave(n_paths))
        # one iterator over the flat rows, from which each record takes its own
        ranked = zip(rows, log_probs.flatten().tolist(), strict=True)
        return [[Alternative(tags, math.exp(log)) for tags, log in islice(ranked, n_paths) if log > -math.inf] for _ in paths]


@final
@dataclass(eq=False)
class IndependentTags(TagDistribution):
    """A softmax over the tags of each step.

    `limits`, a chain whose forbidden transitions are at -inf, restricts `best` to paths that it allows; its other scores are
    not read. Probabilities do not change.
    """

    scores: Float[Tensor, "batch time tag"]
    lengths: Int[Tensor, " batch"]
    reader: TagReader
    limits: Chain | None = field(default=None, kw_only=True)

    @cached_property
    def best(self) -> Int[Tensor, "batch time"]:
        """The most probable tags among the paths that are allowed."""
        if self.limits is None:
            return self.scores.argmax(2)
        # the sum of log-marginals: the best sequence of tags that are independent but for the limits
        return linear_chain.viterbi(replace(self.limits, emissions=self.log_marginals))[0]

    @cached_property
    def marginals(self) -> Float[Tensor, "batch time tag"]:
        """P(tag at step)."""
        # in float32 at least, also under autocast
        return self.scores.float().softmax(2)

    @cached_property
    def log_marginals(self) -> Float[Tensor, "batch time tag"]:
        """Log P(tag at step), with a gradient."""
        return self.scores.float().log_softmax(2)

    @cached_property
    def entropy(self) -> Float[Tensor, " batch"]:
        """The sum of the entropies of the steps."""
        of_steps: Tensor = torch.special.entr(self.marginals).sum(2)
        return of_steps.masked_fill(~step_mask(self.lengths, of_steps.shape[1]), 0.0).sum(1)


@final
class ChainTags(TagDistribution):
    """The paths of a linear chain, each with probability exp(score - log partition)."""

    def __init__(self, chain: Chain, reader: TagReader) -> None:
        super().__init__(chain.lengths, reader)
        self.chain = chain

    @cached_property
    def best(self) -> Int[Tensor, "batch time"]:
        """The most probable path."""
        return linear_chain.viterbi(self.chain)[0]

    @cached_property
    def posterior(self) -> Posterior:
        """Partition and expected counts, in float64."""
        return posterior(self.chain.detached())

    @cached_property
    def marginals(self) -> Float[Tensor, "batch time tag"]:
        """P(tag at step): 0 at padding and where no path is allowed."""
        return self.posterior.step_marginals.transpose(0, 1).to(self.chain.score_dtype)

    @cached_property
    def log_marginals(self) -> Float[Tensor, "batch time tag"]:
        """Log P(tag at step), with a gradient."""
        return linear_chain.log_marginals(self.chain)

    @cached_property
    def span_probs(self) -> list[list[float]] | None:
        """Probability of each span of `best`: that its steps have these tags, and the span extends no further."""
        spans = self.reader.spans(self.best, self.lengths)
        if spans is None:
            return None
        probs = linear_chain.span_probabilities(
            self.chain, self.best, spans, goes_on=self.reader.continues.to(self.best.device), sums=self.posterior
        ).tolist()
        # the spans of all records are computed together, then divided among the records
        ends = spans.records.bincount(minlength=len(self.lengths)).cumsum(0).tolist()
        return [probs[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    @cached_property
    def entropy(self) -> Float[Tensor, " batch"]:
        """Entropy of the distribution over paths."""
        return linear_chain.entropy(self.chain)

    def n_best(self, n: int) -> list[list[Alternative]]:
        return self._ranked(*self.best_paths(n))

    def best_paths(self, n: int) -> tuple[Int[Tensor, "batch path time"], Float[Tensor, "batch path"]]:
        """Return the `n` most probable paths with their log-probabilities; rows with fewer are padded with -inf."""
        paths, scores = linear_chain.best_paths(self.chain, n)
        return paths, scores - self.posterior.log_partition.to(scores.dtype).unsqueeze(1)

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Int[Tensor, "batch sample time"]:
        """Return `n` paths of each record, drawn by their probabilities."""
        return linear_chain.sample(self.chain, n, generator=generator)

    def log_prob(self, tags: Int[Tensor, "batch time"]) -> Float[Tensor, " batch"]:
        """Return log P(tags), with a gradient."""
        return -linear_chain.negative_log_likelihood(self.chain, tags)

    def log_prob_among(self, allowed: Bool[Tensor, "batch time tag"]) -> Float[Tensor, " batch"]:
        """Return log P(every tag is among those `allowed` at its step), with a gradient."""
        return -linear_chain.partial_negative_log_likelihood(self.chain, allowed)

    def raised(self, costs: Float[Tensor, "batch time tag"]) -> "ChainTags":
        """Return this distribution with `costs` added to the scores of the tags."""
        return ChainTags(replace(self.chain, emissions=self.chain.emissions + costs), self.reader)


@final
class SecondOrderTags(TagDistribution):
    """The paths of a second-order chain, which is a linear chain over pairs of neighbouring tags.

    Probabilities of spans are not computed: the tags of a span are not a Markov chain here.
    """

    def __init__(self, chain: SecondOrderChain, reader: TagReader) -> None:
        super().__init__(chain.chain.lengths, reader)
        self.chain = chain
        self.pairs = ChainTags(chain.pairs(), reader)

    @cached_property
    def best(self) -> Int[Tensor, "batch time"]:
        """The most probable path."""
        return self.pairs.best % self.chain.n_tags

    @cached_property
    def marginals(self) -> Float[Tensor, "batch time tag"]:
        """P(tag at step): 0 at padding and where no path is allowed."""
        # state i · n_tags + j has tag j, whatever the tag i before it
        of_pairs: Tensor = self.pairs.marginals.unflatten(2, (self.chain.n_tags + 1, self.chain.n_tags))
        return of_pairs.sum(2)

    @property
    def entropy(self) -> Float[Tensor, " batch"]:
        """Entropy of the distribution over paths."""
        return self.pairs.entropy

    def n_best(self, n: int) -> list[list[Alternative]]:
        pairs, log_probs = self.pairs.best_paths(n)
        return self._ranked(pairs % self.chain.n_tags, log_probs)

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Int[Tensor, "batch sample time"]:
        """Return `n` paths of each record, drawn by their probabilities."""
        return self.pairs.sample(n, generator=generator) % self.chain.n_tags

    def log_prob(self, tags: Int[Tensor, "batch time"]) -> Float[Tensor, " batch"]:
        """Return log P(tags), with a gradient."""
        return self.pairs.log_prob(self.chain.states(tags))

    def log_prob_among(self, allowed: Bool[Tensor, "batch time tag"]) -> Float[Tensor, " batch"]:
        """Return log P(every tag is among those `allowed` at its step), with a gradient."""
        # disallowed tags score -inf, so the sum runs over the allowed paths
        restricted = self.raised(torch.where(allowed, 0.0, -torch.inf))
        return linear_chain.log_partition(restricted.pairs.chain) - linear_chain.log_partition(self.pairs.chain)

    def raised(self, costs: Float[Tensor, "batch time tag"]) -> "SecondOrderTags":
        """Return this distribution with `costs` added to the scores of the tags."""
        first = self.chain.chain
        chain = replace(self.chain, chain=replace(first, emissions=first.emissions + costs))
        return SecondOrderTags(chain, self.reader)
