"""Save and load trained models as bundles: folders of safetensors and JSON, without code or pickles.

bundle.json          format, seqlab version, model config, state of the fields, facts about the training
weights.safetensors  parameters
arrays.safetensors   arrays of the fields, such as pretrained vectors, if any
README.md            model card
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file as load_weights
from safetensors.torch import save_file as save_weights

from seqlab import __version__
from seqlab.config.build import known_targets
from seqlab.config.compose import MODEL_GROUPS, MODEL_KEYS
from seqlab.config.tree import targets_in
from seqlab.config.user_classes import allowed, own_file
from seqlab.data.fields.registry import Fields
from seqlab.errors import BundleError, SeqlabError
from seqlab.model.labeler import Labeler, build_labeler

FORMAT = 1
BUNDLE_FILE = "bundle.json"
WEIGHTS_FILE = "weights.safetensors"
ARRAYS_FILE = "arrays.safetensors"
CARD_FILE = "README.md"
_DAMAGE = (
    SeqlabError, KeyError, OSError, SafetensorError, RuntimeError, TypeError, ValueError, AttributeError, ArithmeticError,
)  # fmt: skip
"""Exceptions that a damaged or manipulated file may cause while a model is built."""


@dataclass(frozen=True)
class Bundle:
    """A loaded model: the labeler, its fitted fields, and facts about its training."""

    labeler: Labeler
    fields: Fields
    facts: Mapping[str, Any]
    encoder_keys: frozenset[str]
    """Keys of the fields that the embedding and the encoder read; all others belong to heads."""

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the weights and the fields' state; vectors are comparable if it is equal."""
        # Sorted keys and names, so that equal models have equal hashes.
        digest = sha256(json.dumps(self.fields.state(), sort_keys=True).encode())
        tensors = {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in self.labeler.state_dict().items()}
        for name, array in sorted({**tensors, **self.fields.arrays()}.items()):
            digest.update(f"{name} {array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def save_bundle(
    folder: Path, *, labeler: Labeler, fields: Fields, config: Mapping[str, Any], facts: Mapping[str, Any], card: str
) -> None:
    """Write a bundle to `folder`, with the model's part of `config`; `facts` are any JSON values."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "format": FORMAT,
        "seqlab_version": __version__,
        "config": {key: config[key] for key in MODEL_KEYS},
        "fields": fields.state(),
        "facts": dict(facts),
    }
    (folder / BUNDLE_FILE).write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in labeler.state_dict().items()}
    save_weights(weights, folder / WEIGHTS_FILE)
    arrays = {name: np.ascontiguousarray(array) for name, array in fields.arrays().items()}
    if arrays:
        save_arrays(arrays, folder / ARRAYS_FILE)
    (folder / CARD_FILE).write_text(card, encoding="utf-8")
    for path in folder.iterdir():
        path.chmod(0o644)  # safetensors makes files readable by their owner only


def load_bundle(folder: Path, *, allow: Sequence[str] = ()) -> Bundle:
    """Load a model from the folder of its bundle, ready to predict.

    Args:
        folder: Folder of the bundle.
        allow: Trusted classes that no installed plugin provides, such as `my_file.MyEncoder`. They may be imported from the
            working directory, and the model may use them. By default none.

    Raises:
        BundleError: Files are missing or damaged, have a newer format, or name parts that are not installed.
        ConfigError: A class in `allow` does not exist, or is not part of a model.
    """
    content = _read_content(folder / BUNDLE_FILE)
    targets = known_targets(MODEL_GROUPS) | allowed(allow)
    try:
        fields = Fields.from_config(content["config"], targets=targets)
        arrays = folder / ARRAYS_FILE
        fields.restore(content["fields"], load_arrays(arrays) if arrays.exists() else {})
        labeler = build_labeler(content["config"], fields=fields, targets=targets)
        # Strict: missing and unknown weights are errors.
        labeler.load_state_dict(load_weights(folder / WEIGHTS_FILE))
        # Without the heads, whose fields hold labels that a record to predict does not have.
        encoding = {key: content["config"][key] for key in ("embedding", "encoder")}
        encoder_keys = frozenset(Fields.from_config(encoding, targets=targets).by_key)
    except _DAMAGE as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        made = f"{folder}: made by seqlab {content.get('seqlab_version')}"
        raise BundleError(f"{made}, cannot be loaded: {reason}{_how_to_allow(content, targets)}") from error
    labeler.eval()
    return Bundle(labeler=labeler, fields=fields, facts=content.get("facts", {}), encoder_keys=encoder_keys)


def head_names(folder: Path) -> list[str]:
    """Return the names of the heads of a bundle, without loading the model."""
    return list(_read_content(folder / BUNDLE_FILE)["config"]["heads"])


def _how_to_allow(content: Mapping[str, Any], targets: frozenset[str]) -> str:
    """Return how to allow the bundle's classes that are defined in the working directory; empty if there are none."""
    own = [target for target in targets_in(content.get("config")) if target not in targets and own_file(target) is not None]
    if not own:
        return ""
    flags = " ".join(f"--allow {target}" for target in own)
    return f"; {own_file(own[0])} may define it; if you trust that file, pass {flags}, or seqlab.load(…, allow={own})"


def _read_content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"{path}: not a readable bundle ({error}); copy the whole folder again") from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise BundleError(f"{path}: bundle format is {found!r}; this seqlab reads format {FORMAT}; update seqlab")
    return dict(content)
