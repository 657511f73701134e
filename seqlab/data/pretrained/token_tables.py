"""Tables of static token embeddings: a tokenizer, and one vector per subword, as Model2Vec and WordLlama store them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from seqlab.data.pretrained.subwords import plain_tokenizer
from seqlab.errors import ConfigError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_NAMES = ("embeddings", "embedding.weight")
"""Names of the table in files of Model2Vec and WordLlama."""
_NO_LICENCE = "licence not stated"


@final
@dataclass(frozen=True)
class TokenTable:
    """A tokenizer, and the vector of each of its subwords."""

    tokenizer: "Tokenizer"
    matrix: Float[np.ndarray, "subword feature"]
    """float16 if the file has such numbers, else float32."""
    origin: str
    """Where it comes from, and its licence."""


def read_token_table(source: str) -> TokenTable:
    """Read a folder, or an installed package, with a tokenizer (JSON) and a table of vectors (safetensors).

    Weights of tokens (`weights`) and shared rows (`mapping`), which Model2Vec may store, are applied.

    Raises:
        ConfigError: there is no such folder or package, it has none or several of these files, or they do not fit.
    """
    folder, origin = _find(source)
    tokenizer_file = _only(_tokenizers(folder), folder, what="tokenizer.json")
    weights_file = _only(_files(folder, "*.safetensors"), folder, what="safetensors file")
    try:
        tensors = load_file(weights_file)
        tokenizer = plain_tokenizer(tokenizer_file.read_text(encoding="utf-8"))
    except (SafetensorError, OSError, ValueError) as error:
        raise ConfigError(
            f"{folder}: cannot be read ({' '.join(str(error).split()):.200}); install or copy it again"
        ) from error
    matrix = _matrix(tensors, weights_file)
    n_subwords = tokenizer.get_vocab_size()
    if len(matrix) < n_subwords:
        found = f"{len(matrix)} vectors, but {tokenizer_file.name} has {n_subwords} subwords"
        raise ConfigError(f"{weights_file} has {found}; expected a tokenizer and a table that were saved together")
    return TokenTable(tokenizer, matrix, origin)


def _find(source: str) -> tuple[Path, str]:
    """Return the folder, and its origin: of a package without importing it."""
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder, f"{source}, {_licence_of_card(folder)}"
    spec = find_spec(source) if source.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        wordllama = "`pip install 'seqlab[wordllama]'`, or " if source == "wordllama" else ""
        raise ConfigError(
            f"source is {source!r}, which is neither a folder nor an installed package; {wordllama}"
            "name a folder with tokenizer.json and model.safetensors, as Model2Vec writes them"
        )
    try:
        about = metadata(source)
    except PackageNotFoundError:
        return Path(spec.submodule_search_locations[0]), f"{source}, {_NO_LICENCE}"
    licence = next((about[key] for key in ("License-Expression", "License") if key in about), _NO_LICENCE)
    return Path(spec.submodule_search_locations[0]), f"{source} {about['Version']}, {licence.partition(chr(10))[0]}"


def _licence_of_card(folder: Path) -> str:
    """Return the licence that the head of a model card on the hub states."""
    card = folder / "README.md"
    lines = card.read_text(encoding="utf-8", errors="replace").splitlines() if card.is_file() else []
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("license:")]
    return found[0] if found else _NO_LICENCE


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern)) + sorted(folder.glob(f"*/{pattern}"))


def _tokenizers(folder: Path) -> Iterator[Path]:
    """Yield files of the tokenizers library, whatever their names; settings of transformers have similar names."""
    for path in _files(folder, "*tokenizer*.json"):
        try:
            content: Any = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(content, dict) and "model" in content:
            yield path


def _only(paths: Iterator[Path] | list[Path], folder: Path, *, what: str) -> Path:
    found = list(paths)
    if len(found) == 1:
        return found[0]
    has = ", ".join(str(path.relative_to(folder)) for path in found) or "none"
    raise ConfigError(f"{folder}: expected one {what}, in it or in a folder below; it has {has}")


def _matrix(tensors: dict[str, Tensor], path: Path) -> Float[np.ndarray, "subword feature"]:
    table = next((tensors[name] for name in _NAMES if name in tensors), None)
    if table is None or table.ndim != 2 or not table.is_floating_point():
        has = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in list(tensors.items())[:5])
        raise ConfigError(f"{path} has no table {' or '.join(_NAMES)} (subword, feature); it has {has or 'no tensors'}")
    if "mapping" in tensors:
        table = table[tensors["mapping"].long()]
    if "weights" in tensors:
        table = table.float() * tensors["weights"].float()[:, None]
    if not torch.isfinite(table).all():
        raise ConfigError(f"{path} holds values that are not finite; install or copy it again")
    return table.numpy() if table.dtype is torch.float16 else table.float().numpy()
