"""The hidden Markov model as a token head: the generative baseline, estimated by counting, not by gradients."""

from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.data.batch import Batch
from seqlab.data.fields import NO_TARGET, CategoryField, TagTargets
from seqlab.data.vocabulary import N_RESERVED, PADDING, UNKNOWN
from seqlab.errors import ConfigError
from seqlab.functional import linear_chain
from seqlab.functional.linear_chain import Chain
from seqlab.heads.distributions import ChainTags
from seqlab.heads.parts.bigram_counts import add_up_processes_
from seqlab.heads.parts.constraints import Readings, SchemeConstraints
from seqlab.heads.token import TokenHead
from seqlab.steps import Steps

ESTIMATES = ("counts", "em")
_TABLES = ("emissions", "transitions", "start")


@final
class HmmTokenHead(TokenHead):
    """First-order hidden Markov model (Rabiner 1989): p(words, tags) = Π p(tag | tag before) p(word | tag).

    While training, every batch is counted, and the tables of log-probabilities are made from the counts at the end of the pass.
    An unseen word counts as the words that were seen once do. Transitions that the span scheme forbids have probability 0.

    Args:
        target: Field of the tags.
        words: Field of the word ids that the steps are, one number each (`embedding=[word_ids]`, `encoder=identity`).
        input_width: Features of a step; must be 1.
        summary_width: Features of the encoder's summary; not used.
        estimate: `counts`: maximum likelihood, smoothed; steps without a tag count by their posterior under the tables so far.
            `em`: the same in the first pass; then expected counts with all tags hidden, one iteration a pass (Baum et al.
            1970). Merialdo (1994) found that this makes good counts worse for tagging; `monitor` keeps the best pass.
        emission_smoothing: Added to each count of a word, above 0 (Lidstone).
        transition_smoothing: Added to each count of a transition or start, above 0.
    """

    emissions: Tensor
    """log p(word | tag), (tag word)"""
    transitions: Tensor
    """log p(tag, or the end | tag before), (tag tag_or_end)"""
    start: Tensor
    """log p(tag) of first steps."""
    n_passes: Tensor

    def __init__(
        self,
        *,
        target: TagTargets,
        words: CategoryField,
        input_width: int,
        summary_width: int,
        estimate: str,
        emission_smoothing: float,
        transition_smoothing: float,
    ) -> None:
        super().__init__(target=target)
        if input_width != 1:
            raise ConfigError(
                f"an HMM reads one id a step, but the encoder gives {input_width} features; set embedding=[word_ids] and "
                "encoder=identity, as experiment=hmm does"
            )
        if estimate not in ESTIMATES:
            raise ConfigError(f"estimate is {estimate!r}; expected one of {', '.join(ESTIMATES)}")
        for name, value in (("emission_smoothing", emission_smoothing), ("transition_smoothing", transition_smoothing)):
            if value <= 0:
                raise ConfigError(f"{name} is {value}; expected more than 0, so that unseen words and transitions are possible")
        n_tags, n_words = len(target.tags), len(words.vocabulary)
        self.estimate = estimate
        self.smoothing = {"emissions": emission_smoothing, "transitions": transition_smoothing, "start": transition_smoothing}
        self.constraints, self.readings = SchemeConstraints(target), Readings(target)
        self.register_buffer("rare", torch.tensor([False] * N_RESERVED + [n == 1 for n in words.counts]), persistent=False)
        self.register_buffer("n_passes", torch.zeros((), dtype=torch.long))
        for name, shape in zip(_TABLES, ((n_tags, n_words), (n_tags, n_tags + 1), (n_tags,)), strict=True):
            self.register_buffer(name, torch.zeros(shape))
            self.register_buffer(f"{name}_counts", torch.zeros(shape, dtype=torch.float64), persistent=False)
        self._estimate()

    def loss(self, steps: Steps, batch: Batch) -> Float[Tensor, ""]:
        """Return -log p(words, tags) a step, in nats; while training, count the batch. There is no gradient."""
        tags: Int[Tensor, "batch time"] = batch.tensor(self.target)
        ids = self._ids(steps)
        if self.training:
            self._count(ids, tags, steps)
        observed = self.emissions.T[ids].masked_fill(~self.readings.allowed(tags), -torch.inf)
        joint = linear_chain.log_partition(self._chain(observed, steps))
        return -joint.sum() / steps.lengths.sum().clamp(min=1)

    def end_epoch(self) -> None:
        """Make the tables from the counts of this pass."""
        for name in _TABLES:
            add_up_processes_(self.get_buffer(f"{name}_counts"))
        self._estimate()
        self.n_passes += 1

    def _ids(self, steps: Steps) -> Int[Tensor, "batch time"]:
        ids = torch.where(steps.mask, steps.values.detach()[..., 0], PADDING)
        is_id = (ids >= UNKNOWN) & (ids < self.emissions.shape[1]) & (ids == ids.round())
        if not bool((is_id | ~steps.mask).all()):
            raise ConfigError(
                f"{self.path} reads ids of words, but something changed them on their way; set embedding=[word_ids], "
                "encoder=identity and embedding.dropout.variational=0, as experiment=hmm does"
            )
        return ids.long()

    @torch.no_grad()
    def _count(self, ids: Tensor, tags: Tensor, steps: Steps) -> None:
        """Add the expected counts of the batch: the gradient of the log partition with respect to each score."""
        tables = [self.get_buffer(name).double().requires_grad_() for name in _TABLES]
        is_hidden = self.estimate == "em" and int(self.n_passes) > 0
        known = torch.full_like(tags, NO_TARGET) if is_hidden else tags
        with torch.enable_grad():
            emissions, transitions, start = tables
            scores = emissions.T[ids].masked_fill(~self.readings.allowed(known), -torch.inf)
            total = linear_chain.log_partition(self._chain(scores, steps, transitions=transitions, start=start)).sum()
        for name, counts in zip(_TABLES, torch.autograd.grad(total, tables), strict=True):
            self.get_buffer(f"{name}_counts").add_(counts)

    @torch.no_grad()
    def _estimate(self) -> None:
        """Turn the counts into smoothed log-probabilities, and reset them."""
        emission_counts = self.get_buffer("emissions_counts")
        emission_counts[:, UNKNOWN] = emission_counts @ self.get_buffer("rare").double()
        possible = {
            "emissions": torch.arange(emission_counts.shape[1], device=emission_counts.device) != PADDING,
            "transitions": torch.cat([self.constraints.step, self.constraints.end[:, None]], 1) == 0,
            "start": self.constraints.start == 0,
        }
        for name in _TABLES:
            counts = self.get_buffer(f"{name}_counts")
            smoothed = (counts + self.smoothing[name]) * possible[name]
            self.get_buffer(name).copy_((smoothed / smoothed.sum(-1, keepdim=True)).log())
            counts.zero_()

    def distribution(self, steps: Steps, batch: Batch) -> ChainTags:
        """Return the distribution over sequences of tags, given the words."""
        return ChainTags(self._chain(self.emissions.T[self._ids(steps)], steps), self.reader)

    def _chain(self, scores: Tensor, steps: Steps, *, transitions: Tensor | None = None, start: Tensor | None = None) -> Chain:
        moves = self.transitions if transitions is None else transitions
        return Chain(scores, steps.lengths, moves[:, :-1], self.start if start is None else start, moves[:, -1])
