"""A pretrained transformer as an embedding."""

from collections.abc import Sequence
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.embeddings import Embedding
from seqlab_transformers.architecture import configuration, new_encoder
from seqlab_transformers.field import SubwordField, Subwords
from seqlab_transformers.layers import LayerConcatenation, LayerMix, chosen_layers
from seqlab_transformers.pooling import get_pooling
from seqlab_transformers.weights import load_encoder


@final
class TransformerEmbedding(Embedding):
    """What a pretrained model makes of each word in its record, frozen or tuned.

    A frozen one runs as it was trained last, without dropout, and learns nothing; a mix of its layers is learned all the same.
    Built for a new model, it has the weights of the model's folder; for a bundle's, those that the bundle gives it next.
    """

    def __init__(
        self, *, field: SubwordField, is_frozen: bool, pooling: str, layers: Sequence[int] | None, use_layer_mix: bool
    ) -> None:
        super().__init__()
        self.field, self.is_frozen, self.pooling = field, is_frozen, get_pooling(pooling)
        self.model: Any = _encoder(field)
        settings = configuration(field.architecture)
        width, n_states = int(settings.hidden_size), int(settings.num_hidden_layers) + 1
        self.layers = chosen_layers(layers, n_states=n_states)
        self.needs_all = self.layers != [n_states - 1]
        has_mix = use_layer_mix and len(self.layers) > 1
        self.combination = LayerMix(n_layers=len(self.layers)) if has_mix else LayerConcatenation()
        self.output_width = width if has_mix else width * len(self.layers)
        self.model.requires_grad_(not is_frozen)

    def train(self, mode: bool = True) -> "TransformerEmbedding":
        """Set training or evaluation, in which a frozen model stays."""
        super().train(mode)
        if self.is_frozen:
            self.model.eval()
        return self

    def forward(self, batch: Batch) -> Float[Tensor, "batch time feature"]:
        """Return each step's vector."""
        subwords = batch.tensors(self.field)
        assert isinstance(subwords, Subwords)
        n_records, n_steps = subwords.word.shape
        if not len(subwords.counts):
            return torch.zeros(n_records, n_steps, self.output_width, device=subwords.word.device)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.is_frozen):
            layers = self._layers(subwords)
        words = self.pooling(self.combination(layers), subwords.counts)
        return words.index_select(0, subwords.word.flatten()).view(n_records, n_steps, -1)

    def _layers(self, subwords: Subwords) -> Float[Tensor, "layer piece feature"]:
        """Return what the chosen layers make of each subword."""
        found = self.model(
            input_ids=subwords.ids,
            attention_mask=subwords.mask.long(),
            output_hidden_states=self.needs_all,
            return_dict=True,
        )
        states = [*(found.hidden_states or ())[:-1], found.last_hidden_state] if self.needs_all else [found.last_hidden_state]
        chosen = [states[place] for place in self.layers] if self.needs_all else states
        return torch.stack([state.flatten(0, 1).index_select(0, subwords.place) for state in chosen])


def _encoder(field: SubwordField) -> nn.Module:
    return new_encoder(field.architecture) if field.folder is None else load_encoder(field.folder, field.architecture)
