"""Words from their characters: each distinct word of a batch is read once, in groups of similar length."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqlab.data.encoding import Batch
from seqlab.data.fields import CharacterField, Spellings
from seqlab.data.vocabulary import PADDING
from seqlab.dropout import get_dropout
from seqlab.embeddings.base import Embedding
from seqlab.directions import reverse_steps
from seqlab.errors import ConfigError
from seqlab.steps import step_mask

N_GROUPS = 4
"""Words come sorted by length; cut into four groups they need a third of the padding, and the group overhead is still small."""


class _CharacterEmbedding(Embedding):
    def __init__(self, *, field: CharacterField, char_width: int, drop_prob: float) -> None:
        super().__init__()
        self.field = field
        self.table = nn.Embedding(len(field.vocabulary), char_width, padding_idx=PADDING)
        nn.init.uniform_(self.table.weight, -((3 / char_width) ** 0.5), (3 / char_width) ** 0.5)
        self.dropout = get_dropout("naive", drop_prob=drop_prob)

    def forward(self, batch: Batch) -> Float[Tensor, "batch time feature"]:
        """Return each step's vector, read from its characters."""
        spellings: Spellings = batch.tensors(self.field)  # type: ignore[assignment]
        groups = [self._words(self.table(ids), lengths) for ids, lengths in _groups(spellings)]
        words = self.dropout(torch.cat(groups))
        n_records, n_steps = spellings.word.shape
        return words.index_select(0, spellings.word.view(-1)).view(n_records, n_steps, -1)

    @abstractmethod
    def _words(
        self, values: Float[Tensor, "word char feature"], lengths: Int[Tensor, " word"]
    ) -> Float[Tensor, "word feature"]:
        """Return one vector a word, whatever the padding."""


def _groups(spellings: Spellings) -> Iterator[tuple[Int[Tensor, "word char"], Int[Tensor, " word"]]]:
    """Return the words in groups, each cut to its longest word; at least one character wide."""
    for ids, lengths in zip(
        spellings.characters.tensor_split(N_GROUPS), spellings.lengths.tensor_split(N_GROUPS), strict=True
    ):
        if len(lengths):
            yield ids[:, : max(1, int(lengths[-1]))], lengths


@final
class CharCnnEmbedding(_CharacterEmbedding):
    """Convolution over the characters, then the maximum of each filter over the word (Ma and Hovy 2016, §2.1)."""

    def __init__(
        self, *, field: CharacterField, char_width: int, n_filters: int, window: int, drop_prob: float
    ) -> None:
        super().__init__(field=field, char_width=char_width, drop_prob=drop_prob)
        if window % 2 == 0:
            raise ConfigError(f"window is {window}; expected an odd number of characters")
        self.convolution = nn.Conv1d(char_width, n_filters, window, padding=window // 2)
        self.output_width = n_filters

    def _words(
        self, values: Float[Tensor, "word char feature"], lengths: Int[Tensor, " word"]
    ) -> Float[Tensor, "word feature"]:
        filtered = self.convolution(values.transpose(1, 2))
        mask = step_mask(torch.clamp(lengths, min=1), values.shape[1])
        return filtered.masked_fill(~mask[:, None], -torch.inf).amax(2)


@final
class CharLstmEmbedding(_CharacterEmbedding):
    """Last states of an LSTM in each direction over the characters (Lample et al. 2016, §4.1)."""

    def __init__(self, *, field: CharacterField, char_width: int, width: int, drop_prob: float) -> None:
        super().__init__(field=field, char_width=char_width, drop_prob=drop_prob)
        self.forward_lstm = nn.LSTM(char_width, width, batch_first=True)
        self.backward_lstm = nn.LSTM(char_width, width, batch_first=True)
        self.output_width = 2 * width

    def _words(
        self, values: Float[Tensor, "word char feature"], lengths: Int[Tensor, " word"]
    ) -> Float[Tensor, "word feature"]:
        lengths = torch.clamp(lengths, min=1)
        last = (lengths - 1)[:, None, None].expand(-1, 1, self.forward_lstm.hidden_size)
        read_forward, _ = self.forward_lstm(values)
        read_backward, _ = self.backward_lstm(reverse_steps(values, lengths))
        return torch.cat([read_forward.gather(1, last), read_backward.gather(1, last)], dim=2)[:, 0]
