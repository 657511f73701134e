"""The architecture of a model as data, and the encoder that it describes.

It may come from a stranger's bundle, so nothing in it names code: what is built are classes of transformers that read text.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import torch
from huggingface_hub.errors import StrictDataclassError
from torch import Tensor, nn
from transformers import CONFIG_MAPPING, AutoModel
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES,
)
from transformers.utils import logging

from seqlab.errors import ConfigError

_UNFIT = frozenset(
    {"mra", "yoso"}  # fetch compiled code from the hub
    | {"fnet", "nystromformer", "convbert"}  # let padding into the vectors of words, by a Fourier transform or a convolution
    | {"reformer"}  # gives vectors of twice its width
    | {"bros", "layoutlmv2"}  # want the places of words on a page
)
_FIXED: Mapping[str, Mapping[str, Any]] = {"big_bird": {"attention_type": "original_full"}}
"""Values that kinds have whatever their configurations say: sparse attention, of the same weights, gives way for good to the
full one at a first short text.
"""
KINDS = frozenset({*MODEL_FOR_MASKED_LM_MAPPING_NAMES, *MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES} - _UNFIT)
"""Kinds of models that read text: of which transformers makes token classifiers or masked language models; but for `_UNFIT`."""

_ALWAYS_POOLED = frozenset({"squeezebert", "layoutlm"})
"""Kinds that cannot do without a pooler."""

_LEFT_OUT = frozenset(
    {"auto_map", "quantization_config", "attn_implementation", "experts_implementation", "transformers_weights"}
    | {"architectures", "dtype", "torch_dtype", "transformers_version", "id2label", "label2id", "use_cache"}
)
"""Keys of a configuration that name code or files, and those that say nothing of the encoder."""

_NEEDED = ("hidden_size", "num_hidden_layers", "vocab_size")


def read_architecture(path: Path) -> dict[str, Any]:
    """Return what the `config.json` at `path` describes, every value written out.

    Raises: ConfigError for what is no model that reads text.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: not readable ({error}); expected the configuration of a model of transformers") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: not an object; expected the configuration of a model of transformers")
    try:
        return _plain(json.loads(configuration(content).to_json_string(use_diff=False)))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def configuration(architecture: Mapping[str, Any]) -> Any:
    """Return the configuration of transformers that an architecture describes.

    Raises: ConfigError for another kind of model than text models, and for values that it cannot have.
    """
    kind = architecture.get("model_type")
    is_composed = any(_is_model(value) for value in architecture.values())
    if kind not in KINDS or is_composed or not CONFIG_MAPPING[kind].__module__.startswith("transformers."):
        raise ConfigError(
            f"model_type is {kind!r}{', a model made of several' if is_composed else ''}; expected one model that reads text, "
            f"of the kinds that transformers has code for ({len(KINDS)} of them: seqlab_transformers.architecture.KINDS)"
        )
    try:
        made = CONFIG_MAPPING[kind].from_dict(_plain({**architecture, **_FIXED.get(str(kind), {})}))
    except (StrictDataclassError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"transformers does not take this {kind}: {_reason(error)}; check its values") from error
    missing = [name for name in _NEEDED if not isinstance(getattr(made, name, None), int)]
    if missing:
        raise ConfigError(f"this {kind} has no {', '.join(missing)}; expected a model with layers of one width over subwords")
    _check_language(made)
    made.use_cache = False
    return made


def _is_model(value: object) -> bool:
    """Return whether `value` describes a model of its own, and not a few settings of this one, as `attn_config` of MPT."""
    return isinstance(value, dict) and value.get("model_type") in tuple(CONFIG_MAPPING)


def _check_language(made: Any) -> None:
    """Refuse a model with adapters by language (X-MOD) that does not say which of them to read with."""
    if hasattr(made, "default_language") and made.default_language not in made.languages:
        known = ", ".join(made.languages)
        raise ConfigError(f"default_language is {made.default_language!r}; expected one of {known}: write it there")


def new_encoder(architecture: Mapping[str, Any]) -> nn.Module:
    """Return the encoder with random weights, in float32.

    Raises: ConfigError for an architecture that transformers cannot build.
    """
    with quietly():
        try:
            return text_encoder(AutoModel.from_config(configuration(architecture), trust_remote_code=False)).float()
        except (ValueError, TypeError, ImportError, AttributeError, KeyError) as error:
            kind = architecture["model_type"]
            raise ConfigError(f"transformers cannot build this {kind}: {_reason(error)}; check its values") from error


def text_encoder(model: Any) -> nn.Module:
    """Return the part of `model` that reads text, without a layer that pools whole texts: nothing is to learn there."""
    encoder: Any = model.get_encoder() if model.config.is_encoder_decoder else model
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = _NoPooler() if model.config.model_type in _ALWAYS_POOLED else None
    assert isinstance(encoder, nn.Module)
    return encoder


@final
class _NoPooler(nn.Module):
    """Pools nothing, for models that ask for it without a look whether there is a pooler."""

    def forward(self, states: Tensor) -> None:
        """Return None, whatever the states."""


def position_limit(architecture: Mapping[str, Any]) -> int | None:
    """Return how many subwords the model reads at once; None: as many as there are.

    Where padding has a position of its own, as in RoBERTa, the positions of a text begin behind it.
    """
    limit = getattr(configuration(architecture), "max_position_embeddings", None)
    if not isinstance(limit, int) or limit < 1:
        return None
    with torch.device("meta"):
        modules = list(new_encoder(architecture).named_modules())
    of_padding = (getattr(module, "padding_idx", None) for name, module in modules if name.endswith("position_embeddings"))
    return limit - max((place + 1 for place in of_padding if place is not None), default=0)


@contextmanager
def quietly() -> Iterator[None]:
    """Let transformers say nothing of its loading: what is wrong is told as an error."""
    level, has_bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if has_bar:
            logging.enable_progress_bar()


def _plain(content: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key not in _LEFT_OUT and not key.startswith("_")}


def _reason(error: Exception) -> str:
    return f"{' '.join(str(error).split()):.300}"
