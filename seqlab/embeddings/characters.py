"""Vectors of words computed from their characters, once per distinct word of a batch."""

from abc import abstractmethod
from collections.abc import Iterator
from types import MappingProxyType
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.data.fields import CharacterField, Spellings
from seqlab.data.vocabulary import PADDING
from seqlab.embeddings.base import Embedding
from seqlab.errors import ConfigError
from seqlab.functional.dropout import get_dropout
from seqlab.functional.padding import last_steps, reverse_steps, step_mask

N_GROUPS = 4
"""Groups of words, sorted by length: four need a third of the padding of one, with little overhead per group."""


class _CharacterEmbedding(Embedding):
    item_axes = MappingProxyType({"table.weight": "i-"})

    def __init__(self, field: CharacterField, *, char_width: int, drop_prob: float) -> None:
        super().__init__()
        self.field = field
        self.table = nn.Embedding(len(field.vocabulary), char_width, padding_idx=PADDING)
        # variance 1 / width gives vectors of length about 1, whatever the width
        nn.init.uniform_(self.table.weight, -((3 / char_width) ** 0.5), (3 / char_width) ** 0.5)
        self.dropout = get_dropout("naive", drop_prob=drop_prob)

    def forward(self, batch: Batch) -> Float[Tensor, "batch time feature"]:
        spellings = batch.tensors(self.field)
        assert isinstance(spellings, Spellings)
        words = self.dropout(self._words(spellings))
        n_records, n_steps = spellings.word.shape
        steps: Tensor = words.index_select(0, spellings.word.view(-1)).view(n_records, n_steps, -1)
        return steps

    @abstractmethod
    def _words(self, spellings: Spellings) -> Float[Tensor, "word feature"]:
        """Return one vector per distinct word, independent of the padding."""


def _groups(spellings: Spellings) -> Iterator[tuple[Int[Tensor, "word char"], Int[Tensor, " word"]]]:
    """Yield the words in groups, each without more padding than its longest word needs."""
    for ids, lengths in zip(spellings.characters.tensor_split(N_GROUPS), spellings.lengths.tensor_split(N_GROUPS), strict=True):
        if len(lengths):
            yield ids[:, : int(lengths[-1])], lengths


@final
class CharCnnEmbedding(_CharacterEmbedding):
    """Convolution over the characters, with the maximum of each filter over the word (Ma and Hovy 2016, §2.1).

    Args:
        field: The characters of the words.
        char_width: Features per character.
        n_filters: Filters of the convolution, which is the width of the output.
        window: Characters per window; odd.
        drop_prob: Dropout probability of the output.

    Raises:
        ConfigError: `window` is even.
    """

    def __init__(
        self, field: CharacterField, *, char_width: int = 25, n_filters: int = 50, window: int = 3, drop_prob: float = 0.0
    ) -> None:
        super().__init__(field, char_width=char_width, drop_prob=drop_prob)
        if window % 2 == 0:
            raise ConfigError(f"window is {window}; expected an odd number of characters")
        self.window = window
        self.filters = nn.Linear(window * char_width, n_filters)
        self.output_width = n_filters

    def _words(self, spellings: Spellings) -> Float[Tensor, "word feature"]:
        # The windows of all words are multiplied at once without padding: on a CPU six times as fast as a padded `nn.Conv1d`,
        # whose kernels are compiled again for each shape.
        margin = self.window // 2
        windows = nn.functional.pad(spellings.characters, (margin, margin)).unfold(1, self.window, 1)
        # only windows around real characters are looked up, so the padding of long words costs nothing
        is_real = step_mask(spellings.lengths, spellings.characters.shape[1])
        filtered = self.filters(self.table(windows[is_real]).flatten(1))
        return torch.segment_reduce(filtered, "max", lengths=spellings.lengths)


@final
class CharLstmEmbedding(_CharacterEmbedding):
    """Last states of a bidirectional LSTM over the characters (Lample et al. 2016, §4.1).

    Args:
        field: The characters of the words.
        char_width: Features per character.
        width: Features of the state in each direction; the output has twice as many.
        drop_prob: Dropout probability of the output.
    """

    def __init__(self, field: CharacterField, *, char_width: int = 25, width: int = 25, drop_prob: float = 0.0) -> None:
        super().__init__(field, char_width=char_width, drop_prob=drop_prob)
        self.forward_lstm = nn.LSTM(char_width, width, batch_first=True)
        self.backward_lstm = nn.LSTM(char_width, width, batch_first=True)
        self.output_width = 2 * width

    def _words(self, spellings: Spellings) -> Float[Tensor, "word feature"]:
        return torch.cat([self._group(self.table(ids), lengths) for ids, lengths in _groups(spellings)])

    def _group(
        self, values: Float[Tensor, "word char char_feature"], lengths: Int[Tensor, " word"]
    ) -> Float[Tensor, "word feature"]:
        read_forward, _ = self.forward_lstm(values)
        # two LSTMs rather than a bidirectional one: torch would read the padding first when it reads backwards
        read_backward, _ = self.backward_lstm(reverse_steps(values, lengths))
        return torch.cat([last_steps(read_forward, lengths), last_steps(read_backward, lengths)], dim=1)
