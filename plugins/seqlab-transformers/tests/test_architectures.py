"""Model types that need special treatment or are refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from seqlab_transformers.architecture import configuration, new_encoder, read_architecture
from torch import Tensor, nn

from seqlab.errors import ConfigError

SIZES = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 100}


def architecture_of(kind: str, **values: Any) -> dict[str, Any]:
    return {"model_type": kind, **SIZES, "max_position_embeddings": 64, **values}


def encoder_of(architecture: dict[str, Any]) -> nn.Module:
    """Return an encoder with weights large enough that its layers have an effect."""
    encoder = new_encoder(architecture).eval()
    for parameter in encoder.parameters():
        parameter.data.mul_(3.0) if parameter.dim() > 1 else None
    return encoder


@torch.no_grad()
def read(encoder: nn.Module, ids: Tensor) -> Tensor:
    states: Tensor = encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    return states


def test_big_bird_does_not_depend_on_earlier_texts() -> None:
    encoder = encoder_of(architecture_of("big_bird", attention_type="block_sparse", block_size=2, num_random_blocks=1))
    long, short = torch.arange(3, 51)[None], torch.arange(3, 8)[None]
    before = read(encoder, long)
    read(encoder, short)
    torch.testing.assert_close(read(encoder, long), before, rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["convbert", "fnet", "nystromformer"])
def test_models_that_mix_padding_into_words_are_refused(kind: str) -> None:
    with pytest.raises(ConfigError, match=f"model_type is '{kind}'; expected a single text model"):
        configuration(architecture_of(kind))


@pytest.mark.parametrize("kind", ["bert", "squeezebert", "layoutlm"])
def test_encoders_read_text_without_a_pooler(kind: str) -> None:
    encoder = encoder_of(architecture_of(kind, embedding_size=24))
    assert not [name for name, _ in encoder.named_parameters() if "pooler" in name]
    assert read(encoder, torch.arange(3, 9)[None]).shape == (1, 6, 24)


@pytest.mark.parametrize("language", [None, "xx_XX"])
def test_an_xmod_needs_a_default_language(tmp_path: Path, language: str | None) -> None:
    architecture = architecture_of("xmod", languages=["en_XX", "de_DE"], default_language=language)
    (tmp_path / "config.json").write_text(json.dumps(architecture))
    message = rf"config\.json: default_language is {language!r}; expected one of en_XX, de_DE: set it in config\.json"
    with pytest.raises(ConfigError, match=message):
        read_architecture(tmp_path / "config.json")
    encoder = encoder_of({**architecture, "default_language": "de_DE"})
    assert read(encoder, torch.arange(3, 9)[None]).shape == (1, 6, 24)


def test_nested_attention_settings_are_not_another_model() -> None:
    sizes = {"d_model": 24, "n_heads": 2, "n_layers": 2, "vocab_size": 100}
    encoder = encoder_of({"model_type": "mpt", **sizes, "attn_config": {"model_type": "", "alibi": True}})
    assert read(encoder, torch.arange(3, 9)[None]).shape == (1, 6, 24)
