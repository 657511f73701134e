"""Where records have names of gazetteers, as features."""

from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.data.fields.gazetteers import BEGIN, N_PLACES, OUTSIDE, SINGLE, GazetteerField
from seqlab.embeddings.base import Embedding
from seqlab.errors import ConfigError


@final
class GazetteerEmbedding(Embedding):
    """The place of each step in a name of each list: begin, inside, end or single, as one of four features for each list.

    Args:
        field: The lists and their matches.
        drop_prob: Probability of ignoring a whole match in training, so that the model also learns from context.

    Raises:
        ConfigError: `drop_prob` is no probability.

    Source: Chiu and Nichols, "Named entity recognition with bidirectional LSTM-CNNs", 2016, section 2.6.
    """

    def __init__(self, field: GazetteerField, *, drop_prob: float = 0.3) -> None:
        super().__init__()
        if not 0 <= drop_prob < 1:
            raise ConfigError(f"drop_prob is {drop_prob}; expected a probability from 0 to below 1")
        self.field = field
        self.drop_prob = drop_prob
        self.output_width = N_PLACES * len(field.names)

    def forward(self, batch: Batch) -> Float[Tensor, "batch time feature"]:
        places: Int[Tensor, "batch time list"] = batch.tensor(self.field)
        if self.training and self.drop_prob:
            places = self._thinned(places)
        features = nn.functional.one_hot(places, N_PLACES + 1)[..., OUTSIDE + 1 :]
        return features.flatten(2).to(torch.get_default_dtype())

    def _thinned(self, places: Int[Tensor, "batch time list"]) -> Int[Tensor, "batch time list"]:
        """Return the places without those of some matches, each match being kept or dropped as a whole."""
        number = ((places == BEGIN) | (places == SINGLE)).cumsum(1)  # of the match that a step belongs to
        draws = torch.rand((number.shape[0], number.shape[1] + 1, number.shape[2]), device=places.device)
        return torch.where(draws.gather(1, number) < self.drop_prob, OUTSIDE, places)
