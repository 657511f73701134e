"""Load the weights of a pretrained model from safetensors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import nn
from transformers import AutoModel

from seqlab.errors import ConfigError
from seqlab_transformers.architecture import configuration, quietly, text_encoder
from seqlab_transformers.folders import check_weights


def load_encoder(folder: Path, architecture: Mapping[str, Any]) -> nn.Module:
    """Build the encoder described by `architecture` and load its weights from `folder`, in float32.

    Raises: ConfigError if the weights are not in safetensors, do not fit, or are incomplete.
    """
    check_weights(folder)
    with quietly():
        try:
            model, found = AutoModel.from_pretrained(
                folder,
                config=configuration(architecture),
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
        except (OSError, ValueError, RuntimeError, SafetensorError, KeyError) as error:
            reason = " ".join(str(error).split())
            raise ConfigError(f"{folder}: cannot read the weights: {reason:.300}; copy the whole folder again") from error
    # Names in `missing_keys` are those of the whole model; only parameters that the encoder keeps must be there.
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    encoder = text_encoder(model)
    missing = sorted({names[id(parameter)] for parameter in encoder.parameters()} & set(found["missing_keys"]))
    if missing:
        raise ConfigError(f"{folder}: {len(missing)} weights are missing, such as {missing[0]}; expected a complete model")
    return encoder.float()
