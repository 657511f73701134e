"""Finding and importing code from elsewhere; a failed import becomes one line."""

import traceback
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path


def package_folder(package: str) -> Path | None:
    """Return the folder of a top-level package, found without importing it; None if it does not exist."""
    spec = _spec(package)
    return Path(spec.origin).parent if spec and spec.origin and spec.submodule_search_locations else None


def module_path(module: str) -> str | None:
    """Return the file or folder of a top-level module or package, without importing it; None if it does not exist."""
    spec = _spec(module)
    if spec is None:
        return None
    # Packages without __init__.py have no origin, and built-in modules no file.
    return spec.origin if spec.has_location else next(iter(spec.submodule_search_locations or []), "Python itself")


def failure_of_import(module: str) -> str | None:
    """Import `module`; return None on success, else the reason, as `path:line: error` where code fails."""
    try:
        import_module(module)
    except SyntaxError as error:
        return f"{error.filename}:{error.lineno}: {error.msg}"
    except (Exception, SystemExit) as error:  # noqa: BLE001 (foreign code may raise anything, and may try to exit)
        return described(error, module=module)
    return None


def described(error: BaseException, *, module: str) -> str:
    """Return `path:line: kind: message`, with the last line of the traceback that is beside or below `module`."""
    path = module_path(module.partition(".")[0])
    folder = Path(path).resolve().parent if path else None
    frames = [(Path(frame.filename).resolve(), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    # Only frames of the module: the last frame may lie in a library that it calls.
    inside = [(path, line) for path, line in frames if folder is not None and path.is_relative_to(folder)]
    place = "{}:{}: ".format(*inside[-1]) if inside else ""
    return f"{place}{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")


def _spec(module: str) -> ModuleSpec | None:
    try:
        return find_spec(module)
    except ValueError:  # a loaded module of that name has no spec
        return None
