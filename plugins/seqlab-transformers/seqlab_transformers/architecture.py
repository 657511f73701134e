"""The architecture of a model as plain data, and the encoder built from it.

An architecture may come from an untrusted bundle, so nothing in it may name code: only text models that are part of
transformers are built.
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
    {"mra", "yoso"}  # download compiled code from the hub
    | {"fnet", "nystromformer", "convbert"}  # mix padding into the vectors of words, by a Fourier transform or convolution
    | {"reformer"}  # returns vectors of twice its width
    | {"bros", "layoutlmv2"}  # need the positions of words on a page
)
# BigBird's sparse attention switches to full attention for good at the first short text, so results would depend on what a
# model has read before. Full attention uses the same weights.
_FIXED: Mapping[str, Mapping[str, Any]] = {"big_bird": {"attention_type": "original_full"}}
"""Model type -> configuration values that override those of the model."""
KINDS = frozenset({*MODEL_FOR_MASKED_LM_MAPPING_NAMES, *MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES} - _UNFIT)
"""Supported model types: all for which transformers has a token classifier or masked language model, except `_UNFIT`."""

_ALWAYS_POOLED = frozenset({"squeezebert", "layoutlm"})
"""Model types that call their pooler without checking that it exists."""

_LEFT_OUT = frozenset(
    {"auto_map", "quantization_config", "attn_implementation", "experts_implementation", "transformers_weights"}
    | {"architectures", "dtype", "torch_dtype", "transformers_version", "id2label", "label2id", "use_cache"}
)
"""Keys of a configuration that name code or files, or that do not affect the encoder."""

_NEEDED = ("hidden_size", "num_hidden_layers", "vocab_size")


def read_architecture(path: Path) -> dict[str, Any]:
    """Return the architecture in the `config.json` at `path`, including every default value.

    Raises: ConfigError if it is not a supported text model.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: not readable ({error}); expected the configuration of a transformers model") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: not an object; expected the configuration of a transformers model")
    try:
        return _plain(json.loads(configuration(content).to_json_string(use_diff=False)))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def configuration(architecture: Mapping[str, Any]) -> Any:
    """Return the transformers configuration for an architecture.

    Raises: ConfigError for an unsupported model type or invalid values.
    """
    kind = architecture.get("model_type")
    # A model of several parts would build parts of types that nobody has checked.
    is_composed = any(_is_model(value) for value in architecture.values())
    if kind not in KINDS or is_composed or not CONFIG_MAPPING[kind].__module__.startswith("transformers."):
        raise ConfigError(
            f"model_type is {kind!r}{', composed of several models' if is_composed else ''}; expected a single text model that "
            f"transformers supports (one of the {len(KINDS)} types in seqlab_transformers.architecture.KINDS)"
        )
    try:
        made = CONFIG_MAPPING[kind].from_dict(_plain({**architecture, **_FIXED.get(str(kind), {})}))
    except (StrictDataclassError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"transformers rejects this {kind}: {_reason(error)}; check its values") from error
    missing = [name for name in _NEEDED if not isinstance(getattr(made, name, None), int)]
    if missing:
        raise ConfigError(f"this {kind} has no {', '.join(missing)}; expected a subword model whose layers have one width")
    _check_language(made)
    made.use_cache = False
    return made


def _is_model(value: object) -> bool:
    """Return whether `value` configures another model, unlike nested settings such as `attn_config` of MPT."""
    return isinstance(value, dict) and value.get("model_type") in tuple(CONFIG_MAPPING)


def _check_language(made: Any) -> None:
    """Raise ConfigError for a model with one adapter per language (X-MOD) that does not name a valid one."""
    if hasattr(made, "default_language") and made.default_language not in made.languages:
        known = ", ".join(made.languages)
        raise ConfigError(f"default_language is {made.default_language!r}; expected one of {known}: set it in config.json")


def new_encoder(architecture: Mapping[str, Any]) -> nn.Module:
    """Build the encoder with random weights, in float32.

    Raises: ConfigError if transformers cannot build the architecture.
    """
    with quietly():
        try:
            return text_encoder(AutoModel.from_config(configuration(architecture), trust_remote_code=False)).float()
        except (ValueError, TypeError, ImportError, AttributeError, KeyError) as error:
            kind = architecture["model_type"]
            raise ConfigError(f"transformers cannot build this {kind}: {_reason(error)}; check its values") from error


def text_encoder(model: Any) -> nn.Module:
    """Return the encoder of `model` without its pooler, whose weights would never get a gradient."""
    encoder: Any = model.get_encoder() if model.config.is_encoder_decoder else model
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = _NoPooler() if model.config.model_type in _ALWAYS_POOLED else None
    assert isinstance(encoder, nn.Module)
    return encoder


@final
class _NoPooler(nn.Module):
    """Takes the place of a pooler in models that always call it."""

    def forward(self, states: Tensor) -> None:
        """Ignore the states and return None."""


def position_limit(architecture: Mapping[str, Any]) -> int | None:
    """Return the maximum number of subwords that the model reads at once; None if there is no limit.

    In models that reserve a position for padding, such as RoBERTa, the positions of a text start after it.
    """
    limit = getattr(configuration(architecture), "max_position_embeddings", None)
    if not isinstance(limit, int) or limit < 1:
        return None
    with torch.device("meta"):  # builds the modules without allocating their weights
        modules = list(new_encoder(architecture).named_modules())
    paddings = (getattr(module, "padding_idx", None) for name, module in modules if name.endswith("position_embeddings"))
    return limit - max((index + 1 for index in paddings if index is not None), default=0)


@contextmanager
def quietly() -> Iterator[None]:
    """Silence the loading messages of transformers; problems are raised as errors instead."""
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
