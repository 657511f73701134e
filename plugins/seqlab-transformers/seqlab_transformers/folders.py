"""Find the folder of a pretrained model, on disk or in the cache of the Hugging Face hub, and check its weight files."""

import json
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from seqlab.errors import ConfigError

NAME = "embedding.parts.transformer.field.name"
CONFIG_FILE = "config.json"
WEIGHTS_FILE, WEIGHTS_INDEX = "model.safetensors", "model.safetensors.index.json"
_WANTED = ["*.json", "*.txt", "*.model", "model.safetensors", "model-*.safetensors"]
"""Files to download: JSON, vocabularies and safetensors, but no pickles and no code."""


def find_folder(name: str, *, revision: str | None) -> Path:
    """Return the folder of the model `name`: a path, or a model of the hub, which is downloaded into its cache if needed.

    Raises: ConfigError if there is no such model.
    """
    folder = Path(name).expanduser()
    if (folder / CONFIG_FILE).is_file():
        return folder
    if folder.exists() or folder.is_absolute() or name.startswith((".", "~")):
        problem = "has no config.json" if folder.exists() else "does not exist"
        raise ConfigError(f"{NAME} is {name!r}, a folder that {problem}; expected one written by save_pretrained")
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=_WANTED, ignore_patterns=["*/*"]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"{NAME} is {name!r}: no such folder, and no such model in the hub's cache or on the hub ({reason:.200}); expected "
            f"a folder with {CONFIG_FILE}, tokenizer.json and {WEIGHTS_FILE}, or a model of the hub"
        ) from error


def check_weights(folder: Path) -> None:
    """Check that the weights are complete and in safetensors.

    Raises: ConfigError.
    """
    if (folder / "adapter_config.json").exists():
        raise ConfigError(f"{folder}: an adapter for another model; merge it into that model first (merge_and_unload in peft)")
    if (folder / WEIGHTS_FILE).is_file():
        return
    if not (folder / WEIGHTS_INDEX).is_file():
        others = ", ".join(sorted(path.name for path in folder.glob("*.bin")) or ["no weights"])
        raise ConfigError(
            f"{folder}: no {WEIGHTS_FILE}, but {others}; seqlab reads only safetensors because pickles can run code; if you "
            "trust the model, convert it with transformers (from_pretrained, then save_pretrained)"
        )
    shards = set(json.loads((folder / WEIGHTS_INDEX).read_text(encoding="utf-8"))["weight_map"].values())
    # An index from elsewhere could name a file outside its folder.
    foreign = sorted(shard for shard in shards if not (shard.endswith(".safetensors") and (folder / shard).parent == folder))
    if foreign:
        raise ConfigError(f"{folder / WEIGHTS_INDEX}: names {foreign[0]}; expected safetensors files in the same folder")
