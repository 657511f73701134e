"""Damaged data files: each is read, or refused by a `DataError` with its path, in few words and in little time."""

import random
import shutil
import signal
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from results import Result

from seqlab.data.doctor import open_reader
from seqlab.errors import DataError

N_CHARACTERS = 500
"""Longest message."""
N_SECONDS = 5
"""Longest reading of a file of a few hundred bytes."""
_TREE = "(S (NP (NNP Ada)) (VP (VBD met) (NP (NNP Bob))) (. .))\n(S (NP (PRP it)) (VP (VBZ rains)))\n"
SAMPLES: Mapping[str, tuple[str, bytes]] = {
    "conll": ("a.conll", b"Ada\tB-PER\nmet\tO\nBob\tB-PER\n\nin\tO\nNew\tB-LOC\nYork\tI-LOC\n"),
    "conllu": (
        "a.conllu",
        (
            b"# text = Ada met\n1\tAda\tAda\tPROPN\tNNP\tNumber=Sing\t2\tnsubj\t_\t_\n"
            b"2\tmet\tmeet\tVERB\tVBD\t_\t0\troot\t_\t_\n\n1-2\tzum\t_\t_\t_\t_\t_\t_\t_\t_\n"
            b"1\tzu\tzu\tADP\t_\t_\t2\tcase\t_\t_\n2\tdem\tder\tDET\t_\t_\t0\troot\t_\t_\n\n"
        ),
    ),
    "jsonl": (
        "a.jsonl",
        (
            b'{"id": 1, "tokens": ["Ada", "met", "Bob"], "tags": ["B-PER", "O", "B-PER"], "label": "ask"}\n'
            b'{"id": 2, "tokens": ["in", "Kiel"], "tags": ["O", "B-LOC"], "label": "tell"}\n'
        ),
    ),
    "jsonl with spans": (
        "a.jsonl",
        (
            b'{"id": 1, "text": "Ada met Bob", "spans": [[0, 3, "PER"], [8, 11, "PER"]], "label": "ask"}\n'
            b'{"id": 2, "text": "in New York", "spans": [[3, 11, "LOC"]], "label": "tell"}\n'
        ),
    ),
    "csv": ("a.csv", b'id,text,label\n1,"Ada met, Bob",ask\n2,"he said ""no""",tell\n'),
    "trees": ("a.ptb", _TREE.encode()),
}  # fmt: skip
_INSERTED = (
    b"\0", b"\xff\xfe", b"\r", b"\r\n", b"\t\t", b'"', b"{", b"[[", b"]", b"null", b"NaN", b"1e999", b"9" * 5000,
    b"\xed\xa0\x80",
    "\u2028".encode(), "\ufeff".encode(), b"\\ud800", b"-1", b"B-", b"(" * 3000, b")", b"\n\n\n", b"PAR1", b"PK\x03\x04",
)  # fmt: skip


class _TooSlowError(Exception):
    pass


def attack(folder: Path, *, is_short: bool, seed: int) -> Iterator[Result]:
    """Change good files of each format, and read them."""
    signal.signal(signal.SIGALRM, _stop)
    n_tried, random_ = (300 if is_short else 20_000), random.Random(seed)
    for name, (file, good) in SAMPLES.items():
        yield _fuzz(name, folder / file, good, n_tried, random_)
    shutil.rmtree(folder, ignore_errors=True)


def _stop(number: int, frame: Any) -> None:
    raise _TooSlowError


def _fuzz(name: str, path: Path, good: bytes, n_tried: int, random_: random.Random) -> Result:
    reader = open_reader(name.split()[0], path=path, overrides=[])
    faults, n_refused, slowest = [], 0, 0.0
    path.write_bytes(good)
    reader.read(path)
    for number in range(n_tried):
        changed = mutated(good, random_)
        path.write_bytes(changed)
        fault, began = "", time.monotonic()
        signal.alarm(N_SECONDS)
        try:
            reader.read(path)
        except DataError as error:
            n_refused += 1
            fault = _in_message(str(error), path)
        except _TooSlowError:
            fault = f"took more than {N_SECONDS} s"
        except Exception as error:  # noqa: BLE001 (an untyped error is what is looked for)
            fault = f"{type(error).__name__}: {error}"[:300]
        finally:
            signal.alarm(0)
        slowest = max(slowest, time.monotonic() - began)
        if fault:
            faults.append(f"file {number} {changed[:80]!r}: {fault}")
    return Result(f"{name} files", n_tried, faults, f"{n_refused} refused, the others read; slowest {slowest:.2f} s")


def _in_message(message: str, path: Path) -> str:
    if str(path) not in message:
        return f"message without the path: {message[:200]}"
    if len(message.replace(str(path), path.name)) > N_CHARACTERS:
        return f"message of {len(message)} characters: {message[:200]}"
    return ""


def mutated(good: bytes, random_: random.Random) -> bytes:
    """Return a file with one to three changes."""
    changes: tuple[Callable[[bytes, int, int], bytes], ...] = (
        lambda text, a, b: text[:a] + bytes([text[a] ^ 1 << random_.randrange(8)]) + text[a + 1 :],
        lambda text, a, b: text[:a] + random_.choice(_INSERTED) + text[a:],
        lambda text, a, b: text[:a] + text[b:],
        lambda text, a, b: text[:b] + text[a:],
        lambda text, a, b: text[:a],
        lambda text, a, b: text[:a] + struct.pack("<d", random_.random()) + text[b:],
        lambda text, a, b: text[:a] + random_.choice(_INSERTED) + text[b:],
    )
    for _ in range(random_.randint(1, 3)):
        if not good:
            break
        a, b = sorted(random_.randrange(len(good)) for _ in range(2))
        good = random_.choice(changes)(good, a, b)
    return good
