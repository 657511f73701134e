"""The role of a distribution: the probabilities that a head gives to the answers for the records of a batch."""

from abc import ABC, abstractmethod
from dataclasses import replace

from jaxtyping import Float
from torch import Tensor

from seqlab.types import Alternative, Prediction


class Distribution(ABC):
    """A probability for every answer to each record of a batch.

    A head makes one per batch, from its scores. Subclasses compute `best`, `marginals`, `span_probs` and `entropy` once, when
    they are first used; some can also `sample`, and return the `log_prob` of answers. Only `log_prob` and `log_marginals` have
    a gradient.
    """

    @abstractmethod
    def answers(self, *, use_confidences: bool) -> list[Prediction]:
        """Return the most probable answer to each record; without `use_confidences` it may have no confidences."""

    def predictions(self, *, use_confidences: bool, n_best: int = 0) -> list[Prediction]:
        """Return `answers`, each with its `n_best` alternatives; the first alternative is the answer itself."""
        found = self.answers(use_confidences=use_confidences)
        if not n_best:
            return found
        return [replace(one, alternatives=row) for one, row in zip(found, self.n_best(n_best), strict=True)]

    def n_best(self, n: int) -> list[list[Alternative]]:
        """Return the `n` most probable answers to each record, best first; fewer if there are no more."""
        raise NotImplementedError(f"{type(self).__name__} does not rank answers")

    @property
    def entropy(self) -> Float[Tensor, " batch"]:
        """Entropy of the distribution over all answers to each record, in nats."""
        raise NotImplementedError(f"{type(self).__name__} has no entropy")
