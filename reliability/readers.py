"""Damaged data files: each is read, or refused by a `DataError` with its path, in few words and in little time."""

import argparse
import json
import random
import shutil
import signal
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from results import Result, in_child, small_run
from samples import Sample, inputs, readers

from seqlab.data.doctor import open_reader
from seqlab.data.readers import HubReader, Reader
from seqlab.errors import DataError

if TYPE_CHECKING:
    from seqlab.inference.tagger import Tagger

N_CHARACTERS = 500
"""Longest message."""
N_SECONDS = 5
"""Longest reading of a file of a few hundred bytes."""
N_IN_CHILD = 200
"""Files that a process reads, so that a crash leaves the others."""
_INSERTED = (
    b"\0", b"\xff\xfe", b"\r", b"\r\n", b"\t\t", b'"', b"{", b"[[", b"]", b"null", b"NaN", b"1e999", b"9" * 5000,
    b"\xed\xa0\x80",
    "\u2028".encode(), "\ufeff".encode(), b"\\ud800", b"-1", b"B-", b"(" * 3000, b")", b"\n\n\n", b"PAR1", b"PK\x03\x04",
)  # fmt: skip
Read = Callable[[], list[str]]
"""Reads the files, and returns the messages about them."""


class _TooSlowError(Exception):
    pass


def attack(folder: Path, *, is_short: bool, seed: int) -> Iterator[Result]:
    """Change good files of each format, and read them for training and for prediction."""
    import datasets

    datasets.disable_progress_bars()
    datasets.disable_caching()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    datasets.config.HF_DATASETS_CACHE = folder / "cache"
    n_tried, random_ = (40 if is_short else 20_000), random.Random(seed)
    datasets.arrow_dataset.generate_fingerprint = lambda dataset: "0"  # which would take half of the time
    for name, sample in readers(folder).items():
        reader, path = _opened(sample, sample.write(folder / "files"))
        yield _fuzz(f"{name}, for training", sample, partial(_read, reader, path), folder / "files", n_tried, random_)
    from seqlab.inference.tagger import Tagger

    tagger = Tagger.load(small_run(folder / "run", "embedding=[words]", "head=[softmax]"))
    for name, sample in inputs().items():
        path = sample.write(folder / "files")
        yield _fuzz(f"{name}, to label", sample, partial(_label, tagger, sample, path), folder / "files", n_tried, random_)


def _opened(sample: Sample, path: Path) -> tuple[Reader, Path]:
    """Return the reader of a sample, and what it reads."""
    if sample.option != "hub":
        return open_reader(sample.option, path=path, overrides=sample.overrides), path
    columns: dict[str, str | None] = {"tokens": "tokens", "tags": "tags"}
    return HubReader(name=str(path), config_name=None, revision=None, columns=columns), Path("train")


def _read(reader: Reader, path: Path) -> list[str]:
    """Read a file as training does, and as `seqlab data check`, which collects all faults."""
    found: list[Any] = []
    for arguments in ({}, {"report": found.append}):
        try:
            reader.read(path, **arguments)
        except DataError as error:
            found.append(error)
    return list(map(str, found))


def _label(tagger: "Tagger", sample: Sample, path: Path) -> list[str]:
    """Label a file as `seqlab predict` does."""
    from seqlab.cli.inputs import labelled, opened, read_chunks
    from seqlab.inference.outputs import JsonlOutput

    is_by_option = sample.option in ("text", "conllu") or len(path.read_bytes()) % 2 if path.is_file() else False
    options = argparse.Namespace(
        file=str(path), input_format=sample.option if is_by_option else None, columns=None, comment_prefix=None
    )
    out = StringIO()
    try:
        with opened(str(path)) as stream, redirect_stderr(StringIO()):  # where the format is named
            for chunk in read_chunks(options, tagger, stream, needed=tagger.columns):
                tagged = labelled(lambda records, lines: tagger.predict(records, lines=lines), chunk, name=str(path))
                JsonlOutput(out).write(chunk, tagged)
    except DataError as error:
        return [str(error)]
    for line in out.getvalue().encode().splitlines():
        json.loads(line)
    return []


def _fuzz(name: str, sample: Sample, read: Read, folder: Path, n_tried: int, random_: random.Random) -> Result:
    if messages := read():
        return Result(f"{name} files", 0, [f"the good file is refused: {messages[0]}"], "")
    n_tried = max(10, round(n_tried * sample.share))
    faults, n_refused, slowest = [], 0, 0.0
    for start in range(0, n_tried, N_IN_CHILD):
        seed, count = random_.randrange(2**32), min(N_IN_CHILD, n_tried - start)
        ended = in_child(partial(_tries, sample, read, folder, seed, count), cpu_seconds=None)
        if ended.is_failed:
            faults.append(f"files {start} to {start + count}, seed {seed}: {ended.answer[-300:]}")
            continue
        answer = json.loads(ended.answer)
        faults += [f"file {start + number} {fault}" for number, fault in answer["faults"]]
        n_refused, slowest = n_refused + answer["refused"], max(slowest, answer["slowest"])
    shutil.rmtree(folder)
    return Result(f"{name} files", n_tried, faults, f"{n_refused} refused, the others read; slowest {slowest:.2f} s")


def _tries(sample: Sample, read: Read, folder: Path, seed: int, count: int) -> str:
    """Change a file of the sample `count` times and read the sample each time; return the faults as JSON."""
    signal.signal(signal.SIGALRM, _stop)
    random_, faults, n_refused, slowest = random.Random(seed), [], 0, 0.0
    for number in range(count):
        sample.write(folder)
        name = random_.choice(sorted(sample.files))
        changed = mutated(sample.files[name], random_)
        (folder / name).write_bytes(changed)
        fault, messages, began = "", [], time.monotonic()
        signal.alarm(N_SECONDS)
        try:
            messages = read()
        except _TooSlowError:
            fault = f"took more than {N_SECONDS} s"
        except Exception as error:  # noqa: BLE001 (an untyped error is what is looked for)
            fault = f"{type(error).__name__}: {error}"[:300]
        finally:
            signal.alarm(0)
        slowest = max(slowest, time.monotonic() - began)
        n_refused += bool(messages)
        fault = fault or next(filter(None, (_in_message(message, folder) for message in messages)), "")
        if fault:
            faults.append((number, f"{name} {changed[:80]!r}: {fault}"))
    return json.dumps({"faults": faults, "refused": n_refused, "slowest": slowest})


def _stop(number: int, frame: Any) -> None:
    raise _TooSlowError


def _in_message(message: str, folder: Path) -> str:
    if str(folder) not in message:
        return f"message without the path: {message[:200]}"
    if len(message.replace(str(folder), "")) > N_CHARACTERS:
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
