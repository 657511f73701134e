"""Check arrays before compiled code reads them by their addresses: it cannot know their sizes."""

from collections.abc import Mapping

from torch import Tensor

Shape = tuple[int, ...]


def check_arrays(function: str, like: Tensor, arrays: Mapping[str, tuple[object, Shape]]) -> None:
    """Check the tensors among `arrays`, each with the shape that the compiled `function` reads.

    Raises: ValueError for a tensor of another shape, and for one of another type or on another device than `like`.
    """
    for name, (array, shape) in arrays.items():
        if not isinstance(array, Tensor):
            continue
        if array.shape != shape:
            raise ValueError(f"{function}: {name} has the shape {tuple(array.shape)}; expected {tuple(shape)}")
        if array.dtype != like.dtype or array.device != like.device:
            found = f"{array.dtype} on {array.device}"
            raise ValueError(f"{function}: {name} is {found}; expected {like.dtype} on {like.device}")
