"""An embedding that runs a pretrained transformer."""

from collections.abc import Sequence
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.data.batch import Batch
from seqlab.embeddings import Embedding
from seqlab_transformers.architecture import configuration, new_encoder
from seqlab_transformers.field import SubwordField, Subwords
from seqlab_transformers.layers import LayerConcatenation, LayerMix, chosen_layers
from seqlab_transformers.pooling import get_pooling
from seqlab_transformers.weights import load_encoder


@final
class TransformerEmbedding(Embedding):
    """Contextual word vectors from a pretrained transformer, frozen or fine-tuned.

    A frozen transformer always runs in evaluation mode, without dropout or gradients; a mix of its layers is still trained.
    For a new model the weights come from the transformer's folder. In a bundle they are random until the bundle loads its own.

    Args:
        field: The field that splits words into subwords and holds the architecture of the transformer.
        is_frozen: Whether the pretrained weights stay fixed.
        pooling: How subword vectors become a word vector: `first`, `last` or `mean`.
        layers: The layers to use: 0 for the subword embeddings, 1 for the first layer, -1 for the last; None means all.
        use_layer_mix: Whether several layers are averaged with learned weights; if not, they are concatenated.
    """

    def __init__(
        self,
        *,
        field: SubwordField,
        is_frozen: bool = True,
        pooling: str = "mean",
        layers: Sequence[int] | None = (-1,),
        use_layer_mix: bool = True,
    ) -> None:
        super().__init__()
        self.field, self.is_frozen, self.pooling = field, is_frozen, get_pooling(pooling)
        folder, architecture = field.folder, field.architecture
        self.model: Any = new_encoder(architecture) if folder is None else load_encoder(folder, architecture)
        settings = configuration(architecture)
        width, n_states = int(settings.hidden_size), int(settings.num_hidden_layers) + 1
        self.layers = chosen_layers(layers, n_states=n_states)
        self.needs_all = self.layers != [n_states - 1]
        has_mix = use_layer_mix and len(self.layers) > 1
        self.combination = LayerMix(n_layers=len(self.layers)) if has_mix else LayerConcatenation()
        self.output_width = width if has_mix else width * len(self.layers)
        self.model.requires_grad_(not is_frozen)

    def train(self, mode: bool = True) -> "TransformerEmbedding":
        """Set training or evaluation mode; a frozen transformer stays in evaluation mode."""
        super().train(mode)
        if self.is_frozen:
            self.model.eval()
        return self

    def forward(self, batch: Batch) -> Float[Tensor, "batch time feature"]:
        """Return the vector of each word."""
        subwords = batch.tensors(self.field)
        assert isinstance(subwords, Subwords)
        n_records, n_steps = subwords.word.shape
        if not len(subwords.counts):  # all records are empty; a transformer cannot run on no input
            return torch.zeros(n_records, n_steps, self.output_width, device=subwords.word.device)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.is_frozen):
            layers = self._layers(subwords)
        words = self.pooling(self.combination(layers), subwords.counts)
        return words.index_select(0, subwords.word.flatten()).view(n_records, n_steps, -1)

    def _layers(self, subwords: Subwords) -> Float[Tensor, "layer piece feature"]:
        """Return the states of the chosen layers at the subwords of words, without special subwords and padding."""
        found = self.model(
            input_ids=subwords.ids,
            attention_mask=subwords.mask.long(),
            output_hidden_states=self.needs_all,
            return_dict=True,
        )
        # In some models `hidden_states[-1]` lacks the final normalisation that `last_hidden_state` has.
        states = [*(found.hidden_states or ())[:-1], found.last_hidden_state]
        chosen = [states[layer] for layer in self.layers] if self.needs_all else states
        # One gather drops padding, special subwords and the parts of windows that overlap.
        return torch.stack([state.flatten(0, 1).index_select(0, subwords.place) for state in chosen])
