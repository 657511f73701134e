"""Code that is not ours: where it lies, and importing it, its failure told in one line."""

import traceback
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path


def package_folder(package: str) -> Path | None:
    """Return the folder of a top-level package, found without importing it; None where there is none."""
    spec = _spec(package)
    return Path(spec.origin).parent if spec and spec.origin and spec.submodule_search_locations else None


def module_path(module: str) -> str | None:
    """Return what a top-level module or package would be loaded from, without loading it; None where there is none."""
    spec = _spec(module)
    if spec is None:
        return None
    return spec.origin if spec.has_location else next(iter(spec.submodule_search_locations or []), "Python itself")


def failure_of_import(module: str) -> str | None:
    """Return why `module` cannot be imported, as `path:line: what` where code fails; None where it can, and now is."""
    try:
        import_module(module)
    except SyntaxError as error:
        return f"{error.filename}:{error.lineno}: {error.msg}"
    except (Exception, SystemExit) as error:  # noqa: BLE001 (whatever a stranger's module raises, and if it wants to leave)
        return described(error, module=module)
    return None


def described(error: BaseException, *, module: str) -> str:
    """Return `path:line: kind: message`; the line is the last one that the error came through beside or below `module`."""
    path = module_path(module.partition(".")[0])
    folder = Path(path).resolve().parent if path else None
    frames = [(Path(frame.filename).resolve(), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    inside = [(path, line) for path, line in frames if folder is not None and path.is_relative_to(folder)]
    place = "{}:{}: ".format(*inside[-1]) if inside else ""
    return f"{place}{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")


def _spec(module: str) -> ModuleSpec | None:
    try:
        return find_spec(module)
    except ValueError:  # a module of that name is loaded, and does not say where from
        return None
