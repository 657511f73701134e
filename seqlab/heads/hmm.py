"""The hidden Markov model as a token head: the generative baseline, estimated by counting, not by gradients."""

from types import MappingProxyType
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
from seqlab.functional.widths import check_width
from seqlab.heads.distributions import ChainTags
from seqlab.heads.parts.constraints import TagConstraints
from seqlab.heads.parts.label_counts import add_up_processes_
from seqlab.heads.parts.options import check_option
from seqlab.heads.token import CANNOT_BE_TAUGHT, TokenHead
from seqlab.steps import Steps

ESTIMATES = ("counts", "em")
_TABLES = ("emissions", "transitions", "start")


@final
class HmmTokenHead(TokenHead):
    """First-order hidden Markov model (Rabiner 1989): p(words, tags) = Π p(tag | previous tag) p(word | tag).

    While training, every batch is counted, and the tables of log-probabilities are made from the counts at the end of the pass.
    An unknown word counts like the words that occur once in training. Transitions that the span scheme forbids have
    probability 0.

    Args:
        target: Field of the tags.
        words: Field of the word ids that the steps are, one number each (`embedding=[word_ids]`, `encoder=identity`).
        input_width: Features per step; must be 1.
        summary_width: Features of the encoder's summary; not used.
        estimate: `counts`: maximum likelihood, smoothed; steps without a tag count by their posterior under the current tables.
            `em`: the same in the first pass; then expected counts with all tags hidden, one iteration per pass (Baum et al.
            1970). Merialdo (1994) found that this makes good counts worse for tagging; `monitor` keeps the best pass.
        emission_smoothing: Added to each count of a word, above 0 (Lidstone).
        transition_smoothing: Added to each count of a transition or start, above 0.
    """

    lacks = MappingProxyType({"log_marginals": f"an HMM {CANNOT_BE_TAUGHT}"})
    emissions: Tensor
    """log p(word | tag), (tag word)"""
    transitions: Tensor
    """log p(tag, or the end | previous tag), (tag tag_or_end)"""
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
        estimate: str = "counts",
        emission_smoothing: float = 0.01,
        transition_smoothing: float = 0.1,
    ) -> None:
        super().__init__(target=target)
        if input_width != 1:
            raise ConfigError(
                f"an HMM reads one id per step, but the encoder gives {input_width} features; set embedding=[word_ids] and "
                "encoder=identity, as experiment=hmm does"
            )
        check_option(estimate in ESTIMATES, f"one of {', '.join(ESTIMATES)}", estimate=estimate)
        positive = "more than 0, so that unseen words and transitions are possible"
        check_option(emission_smoothing > 0, positive, emission_smoothing=emission_smoothing)
        check_option(transition_smoothing > 0, positive, transition_smoothing=transition_smoothing)
        n_tags, n_words = len(target.tags), len(words.vocabulary)
        self.estimate = estimate
        self.smoothing = {"emissions": emission_smoothing, "transitions": transition_smoothing, "start": transition_smoothing}
        self.constraints = TagConstraints(target)
        # not saved: derived from `words`
        self.register_buffer("rare", torch.tensor([False] * N_RESERVED + [n == 1 for n in words.counts]), persistent=False)
        self.register_buffer("n_passes", torch.zeros((), dtype=torch.long))
        for name, shape in zip(_TABLES, ((n_tags, n_words), (n_tags, n_tags + 1), (n_tags,)), strict=True):
            self.register_buffer(name, torch.zeros(shape))
            # in float64: float32 cannot count beyond 2^24
            self.register_buffer(f"{name}_counts", torch.zeros(shape, dtype=torch.float64), persistent=False)
        self._estimate()

    def distribution(self, steps: Steps, batch: Batch) -> ChainTags:
        return ChainTags(self._chain(steps, self._tables), self.reader)

    def _loss(self, believed: ChainTags, tags: Int[Tensor, "batch time"], steps: Steps) -> Float[Tensor, ""]:
        """Return -log p(words, tags) per step, in nats; while training, count the batch. There is no gradient."""
        if self.training:
            self._count(tags, steps)
        joint = linear_chain.log_partition(self._chain(steps, self._tables, tags=tags))
        return -joint.sum() / steps.lengths.sum().clamp(min=1)

    def end_epoch(self) -> None:
        """Make the tables from the counts of this pass."""
        for name in _TABLES:
            add_up_processes_(self.get_buffer(f"{name}_counts"))
        self._estimate()
        self.n_passes += 1

    @property
    def _tables(self) -> list[Tensor]:
        return [self.get_buffer(name) for name in _TABLES]

    def _chain(self, steps: Steps, tables: list[Tensor], *, tags: Int[Tensor, "batch time"] | None = None) -> Chain:
        """Return the chain of the words, whose log partition is log p(words), or with `tags` log p(words, tags)."""
        emissions, transitions, start = tables
        scores = emissions.T[self._ids(steps)]
        if tags is not None:
            scores = scores.masked_fill(~self.constraints.allowed(tags), -torch.inf)
        return Chain(scores, steps.lengths, transitions[:, :-1], start, transitions[:, -1])

    def _ids(self, steps: Steps) -> Int[Tensor, "batch time"]:
        check_width(steps.values, 1, layer=type(self).__name__)
        ids = torch.where(steps.mask, steps.values.detach()[..., 0], PADDING)
        # dropout would scale the ids, and an encoder would replace them
        is_id = (ids >= UNKNOWN) & (ids < self.emissions.shape[1]) & (ids == ids.round())
        if not bool((is_id | ~steps.mask).all()):
            raise ConfigError(
                f"{self.path} reads ids of words, but the encoder or dropout changed them; set embedding=[word_ids], "
                "encoder=identity and embedding.dropout.variational=0, as experiment=hmm does"
            )
        return ids.long()

    @torch.no_grad()
    def _count(self, tags: Int[Tensor, "batch time"], steps: Steps) -> None:
        """Add the expected counts of the batch: the gradient of the log partition with respect to each score."""
        # in float64, because counts of many batches are summed
        tables = [table.double().requires_grad_() for table in self._tables]
        is_hidden = self.estimate == "em" and int(self.n_passes) > 0
        with torch.enable_grad():
            chain = self._chain(steps, tables, tags=torch.full_like(tags, NO_TARGET) if is_hidden else tags)
            total = linear_chain.log_partition(chain).sum()
        for name, counts in zip(_TABLES, torch.autograd.grad(total, tables), strict=True):
            self.get_buffer(f"{name}_counts").add_(counts)

    @torch.no_grad()
    def _estimate(self) -> None:
        """Turn the counts into smoothed log-probabilities, and reset them."""
        emission_counts = self.get_buffer("emissions_counts")
        # words that occur once in training stand for words that never occur
        emission_counts[:, UNKNOWN] = emission_counts @ self.get_buffer("rare").double()
        # padding is not a word, and the scheme forbids some transitions: smoothing must not make them possible
        possible = {
            "emissions": torch.arange(emission_counts.shape[1], device=emission_counts.device) != PADDING,
            "transitions": torch.cat([self.constraints.step, self.constraints.end[:, None]], 1) == 0,
            "start": self.constraints.start == 0,
        }
        for name, table in zip(_TABLES, self._tables, strict=True):
            counts = self.get_buffer(f"{name}_counts")
            smoothed = (counts + self.smoothing[name]) * possible[name]
            table.copy_((smoothed / smoothed.sum(-1, keepdim=True)).log())
            counts.zero_()
