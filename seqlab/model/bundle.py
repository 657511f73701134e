"""Save and load trained models as bundles: folders of safetensors and JSON, without code or pickles.

`seqlab.model.bundle_files` describes the files.
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
from seqlab.data.atomic_write import finite
from seqlab.data.fields.registry import Fields
from seqlab.errors import BundleError, SeqlabError
from seqlab.model.budget import limited_to
from seqlab.model.bundle_files import (
    ARRAYS_FILE,
    CARD_FILE,
    FORMAT,
    WEIGHTS_FILE,
    check_files,
    read_content,
    write_content,
)
from seqlab.model.labeler import Labeler, build_labeler
from seqlab.model.weights import fault_in, not_finite

_DAMAGE = (
    SeqlabError, KeyError, OSError, SafetensorError, RuntimeError, TypeError, ValueError, AttributeError, ArithmeticError,
    MemoryError,
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
    # safetensors refuses tensors that are not contiguous.
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in labeler.state_dict().items()}
    fault = not_finite(weights, labeler)
    if fault is not None:
        raise BundleError(f"{folder} is not written: {fault}; train again with a lower optimizer.lr")
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(weights, folder / WEIGHTS_FILE)
    arrays = {name: np.ascontiguousarray(array) for name, array in fields.arrays().items()}
    if arrays:
        save_arrays(arrays, folder / ARRAYS_FILE)
    (folder / CARD_FILE).write_text(card, encoding="utf-8")
    content = {
        "format": FORMAT,
        "seqlab_version": __version__,
        "config": {key: config[key] for key in MODEL_KEYS},
        "fields": fields.state(),
        "facts": finite(dict(facts)),
    }
    # Last: it has the hashes of the others, and makes the folder a bundle.
    write_content(folder, content)
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
    content = read_content(folder)
    targets = known_targets(MODEL_GROUPS) | allowed(allow)
    try:
        check_files(folder, content)
        weights = load_weights(folder / WEIGHTS_FILE)
        arrays = folder / ARRAYS_FILE
        with limited_to(weights, config=content["config"]):
            fields = Fields.from_config(content["config"], targets=targets)
            fields.restore(content["fields"], load_arrays(arrays) if arrays.exists() else {})
            labeler = build_labeler(content["config"], fields=fields, targets=targets)
        fault = fault_in(weights, labeler)
        if fault is not None:
            raise BundleError(fault)
        labeler.load_state_dict(weights)
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
    return list(read_content(folder)["config"]["heads"])


def _how_to_allow(content: Mapping[str, Any], targets: frozenset[str]) -> str:
    """Return how to allow the bundle's classes that are defined in the working directory; empty if there are none."""
    own = [target for target in targets_in(content.get("config")) if target not in targets and own_file(target) is not None]
    if not own:
        return ""
    flags = " ".join(f"--allow {target}" for target in own)
    return f"; {own_file(own[0])} may define it; if you trust that file, pass {flags}, or seqlab.load(…, allow={own})"
