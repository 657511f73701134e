"""The files of a bundle: written with a SHA-256 of each, checked on load.

bundle.json          format, seqlab version, model config, state of the fields, facts about the training, hashes
weights.safetensors  parameters
arrays.safetensors   arrays of the fields, such as pretrained vectors, if any
README.md            model card, which its readers may edit: it has no hash

Hashes show damage, not malice: whoever changes a file on purpose can change its hash as well.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from seqlab.config.compose import MODEL_KEYS
from seqlab.data.atomic_write import replacing
from seqlab.errors import BundleError

log = logging.getLogger(__name__)
FORMAT = 1
BUNDLE_FILE, WEIGHTS_FILE, ARRAYS_FILE, CARD_FILE = "bundle.json", "weights.safetensors", "arrays.safetensors", "README.md"
HASHES = "sha256"
_KINDS = {"config": Mapping, "fields": Mapping, "facts": Mapping, HASHES: Mapping}
_KINDS_OF_FACTS = {"data": Mapping, "fold": Mapping, "seed": int}
_KINDS_OF_DATA = {
    **dict.fromkeys(("sets", "reader", "columns", "splits"), Mapping),
    **dict.fromkeys(("dir", "scheme", "reader.scheme", "reader.target_scheme"), str),
    "heads": Sequence,
}
"""Kinds of facts about the data and of each data set, which may be null."""


def write_content(folder: Path, content: Mapping[str, Any]) -> None:
    """Write `bundle.json` atomically, with the hashes of the files beside it; a folder without it is no bundle yet."""
    hashes = {name: _hash_of(folder / name) for name in (WEIGHTS_FILE, ARRAYS_FILE) if (folder / name).is_file()}
    signed = {**content, HASHES: {BUNDLE_FILE: _own_hash(content), **hashes}}
    with replacing(folder / BUNDLE_FILE) as unfinished:
        text = json.dumps(signed, ensure_ascii=False, indent=1, allow_nan=False)
        unfinished.write_text(text + "\n", encoding="utf-8")


def read_content(folder: Path) -> dict[str, Any]:
    """Return the content of `bundle.json`.

    Raises: BundleError if it is missing or damaged, has another format, or other parts than a bundle.
    """
    path = folder / BUNDLE_FILE
    try:
        text = _file(path).read_text(encoding="utf-8")
        content = json.loads(text)
        # Only such an escape can bring a surrogate in; looking for it is cheaper than encoding all content.
        if "\\ud" in text.lower():
            json.dumps(content, ensure_ascii=False).encode()  # half a surrogate pair parses, but no output can hold it
    except (BundleError, OSError, ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise BundleError(f"{path}: not a readable bundle ({reason}); copy the whole folder again") from error
    found = content.get("format") if isinstance(content, dict) else None
    # Before anything else is read, since another format may have other parts.
    if found != FORMAT:
        raise BundleError(f"{path}: bundle format is {found!r}; this seqlab reads format {FORMAT}; update seqlab")
    missing = [key for key in ("config", "fields") if key not in content]
    missing += [key for key in MODEL_KEYS if key not in (content.get("config") or {})]
    if missing:
        raise BundleError(f"{path}: made by seqlab {content.get('seqlab_version')}, cannot be loaded: lacks {missing[0]!r}")
    _check_kinds({key: content[key] for key in _KINDS if key in content}, _KINDS, place=path)
    facts = content.get("facts", {})
    _check_kinds(_given(facts), _KINDS_OF_FACTS, place=f"{path}: facts")
    data = facts.get("data") or {}
    _check_kinds(_given(data), _KINDS_OF_DATA, place=f"{path}: facts.data")
    for name, node in (data.get("sets") or {}).items():
        _check_kinds({name: node}, {name: Mapping}, place=f"{path}: facts.data.sets")
        _check_kinds(_given(node), _KINDS_OF_DATA, place=f"{path}: facts.data.sets.{name}")
    return dict(content)


def _given(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are not null, those of a reader by `reader.NAME` too."""
    reader = node.get("reader")
    values = {**node, **{f"reader.{key}": value for key, value in (reader if isinstance(reader, Mapping) else {}).items()}}
    return {key: value for key, value in values.items() if value is not None}


def _check_kinds(values: Mapping[str, Any], kinds: Mapping[str, type], *, place: object) -> None:
    """Raise BundleError for a value of another kind than it must have."""
    names = {Mapping: "an object", Sequence: "a list", str: "a text", int: "a number"}
    for key, kind in kinds.items():
        if key in values and (not isinstance(values[key], kind) or (kind is Sequence and isinstance(values[key], str))):
            found = type(values[key]).__name__
            raise BundleError(f"{place}: {key} is a {found}; expected {names[kind]}; copy the folder again")


def check_files(folder: Path, content: Mapping[str, Any]) -> None:
    """Check the files of a bundle against their hashes; warn if an older seqlab has written none.

    Raises: BundleError naming the file that is missing or has changed.
    """
    if HASHES not in content:
        log.warning("%s was made by seqlab %s, without hashes: damage goes unseen", folder, content.get("seqlab_version"))
        return
    # A copy, since the entry for this file itself is taken out below.
    hashes = dict(content[HASHES])
    unsigned = {key: value for key, value in content.items() if key != HASHES}
    if hashes.pop(BUNDLE_FILE, None) != _own_hash(unsigned):
        raise BundleError(f"{BUNDLE_FILE} has changed since it was saved (SHA-256); copy the whole folder again")
    for name in (name for name in (WEIGHTS_FILE, ARRAYS_FILE) if name in hashes or (folder / name).exists()):
        if _hash_of(folder / name) != hashes.get(name):
            raise BundleError(f"{name} has changed since it was saved (SHA-256); copy the whole folder again")


def _hash_of(path: Path) -> str:
    with _file(path).open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _file(path: Path) -> Path:
    """Return the path of a file; opening a pipe would wait for ever."""
    if not path.is_file():
        raise BundleError(f"{path.name}: No such file; copy the whole folder again")
    return path


def _own_hash(content: Mapping[str, Any]) -> str:
    # Dumped anew with sorted keys, so that the hash does not depend on how the file is laid out.
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
