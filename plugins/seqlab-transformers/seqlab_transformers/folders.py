"""Where a model lies: its folder, given or in the cache of the Hugging Face hub, and what of it may be read."""

import json
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from seqlab.errors import ConfigError

NAME = "embedding.parts.transformer.field.name"
CONFIG_FILE = "config.json"
WEIGHTS_FILE, WEIGHTS_INDEX = "model.safetensors", "model.safetensors.index.json"
_WANTED = ["*.json", "*.txt", "*.model", "model.safetensors", "model-*.safetensors"]
"""What is downloaded of a model: JSON, vocabularies and safetensors, so no pickle and no code."""


def find_folder(name: str, *, revision: str | None) -> Path:
    """Return the folder of the model `name`: a folder as it is, a model of the hub as it lies in the local cache.

    Of a model of the hub, what the cache lacks is downloaded, where a network is.

    Raises: ConfigError where there is neither.
    """
    folder = Path(name).expanduser()
    if (folder / CONFIG_FILE).is_file():
        return folder
    if folder.exists() or folder.is_absolute() or name.startswith((".", "~")):
        what = "has no config.json" if folder.exists() else "is not there"
        raise ConfigError(f"{NAME} is {name!r}, a folder that {what}; expected one that save_pretrained left")
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=_WANTED, ignore_patterns=["*/*"]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"{NAME} is {name!r}: no folder here, and no model of the hub that can be had ({reason:.200}); give a folder with "
            f"{CONFIG_FILE}, tokenizer.json and {WEIGHTS_FILE}, or a model of the hub that is in the cache or within reach"
        ) from error


def check_weights(folder: Path) -> None:
    """Refuse weights that are not in safetensors, and those that only an adapter completes.

    Raises: ConfigError.
    """
    if (folder / "adapter_config.json").exists():
        raise ConfigError(f"{folder}: an adapter of another model; merge it into that model first (merge_and_unload of peft)")
    if (folder / WEIGHTS_FILE).is_file():
        return
    if not (folder / WEIGHTS_INDEX).is_file():
        others = ", ".join(sorted(path.name for path in folder.glob("*.bin")) or ["no weights"])
        raise ConfigError(
            f"{folder}: no {WEIGHTS_FILE}, but {others}; seqlab reads safetensors alone, as a pickle runs what is in it: have "
            "transformers save the model anew where you trust it (from_pretrained, then save_pretrained)"
        )
    shards = set(json.loads((folder / WEIGHTS_INDEX).read_text(encoding="utf-8"))["weight_map"].values())
    foreign = sorted(shard for shard in shards if not (shard.endswith(".safetensors") and (folder / shard).parent == folder))
    if foreign:
        raise ConfigError(f"{folder / WEIGHTS_INDEX}: names {foreign[0]}; expected safetensors files of the same folder")
