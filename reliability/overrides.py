"""Odd overrides: each is accepted or answered in one line, and a mistyped key is answered with the right one."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from results import Result

from seqlab.config.compose import compose, options_of, plain
from seqlab.config.tree import leaves
from seqlab.errors import SeqlabError
from seqlab.training.train import untrained

SMALL = ("data.reader.n_train=20", "data.reader.n_val=5", "data.reader.n_test=5", "encoder.width=4", "embedding=[words]")
GROUPS = ("encoder", "head", "embedding", "optimizer", "scheduler", "trainer", "callbacks", "logger", "data", "regularizer")
VALUES = (
    "null", "true", "-1", "0", "1", "0.5", "1e9", "1e999", "nan", "inf", "abc", "''", "[]", "[1,2]", "{}", "{a:1}", "[a", "{a",
    "a=b", "???", "a,b", "lstm", "9999999999999999999999", "-0.0", "${seed}", "${nothing}", "${oc.env:HOME}", "${oc.env:NONE}",
    "'a,b'", "..", "/", "~", "a:b", "\\", "@", "1_000", "0x10", "2024-01-01", "é", "a b", "\u2028",
)  # fmt: skip
SHARE_ANSWERED = 0.98


def attack(folder: Path, *, is_short: bool, seed: int) -> Iterator[Result]:
    """Compose configs with random values at known and unknown keys, build the models, and mistype keys."""
    random_ = random.Random(seed)
    config = plain(compose(SMALL))
    keys = [key for key, _ in leaves(config) if not key.startswith(("paths", "data.reader.n_", "n_threads"))]
    n_tried = 20 if is_short else 4_000
    words = [_odd(keys, random_) for _ in range(n_tried)]
    faults = [f"{word}: {fault}" for word in words if (fault := _fault(word))]
    yield Result("odd overrides", n_tried, faults, "accepted, or answered in a line")
    yield _typos(keys, 10 if is_short else 1_000, random_)


def _odd(keys: Sequence[str], random_: random.Random) -> str:
    key, value = random_.choice(keys), random_.choice(VALUES)
    group = random_.choice(GROUPS)
    option, parent = random_.choice(options_of(group)), key.rpartition(".")[0] or key
    values = [f"{key}={value}", f"++{key}={value}", f"{group}={value}", f"{group}={option}", f"{group}=[{option},{value}]"]
    keys = [f"+{key}.x={value}", f"+{group}@x={value}", f"{key}.{value}=1", f"{parent}={value}", f"~{key}", f"~{key}={value}"]
    forms = [f"{key}{value}", f"={value}", f"~{group}"]
    return random_.choice(values + values + keys + forms)


def _fault(word: str) -> str:
    try:
        untrained([*SMALL, word])
    except SeqlabError as error:
        message = str(error)
        return "" if "\n" not in message and message else f"not one line: {message[:200]}"
    except Exception as error:  # noqa: BLE001 (an untyped error is what is looked for)
        return f"{type(error).__name__}: {error}"[:300]
    return ""


def _typos(keys: Sequence[str], n_tried: int, random_: random.Random) -> Result:
    """Mistype the last part of keys by one edit; at least `SHARE_ANSWERED` of the answers must name the right one."""
    unanswered = []
    for _ in range(n_tried):
        key = random_.choice([key for key in keys if len(key.rpartition(".")[2]) > 3])
        parent, _, last = key.rpartition(".")
        wrong = _mistyped(last, random_)
        word = f"{parent}.{wrong}=1" if parent else f"{wrong}=1"
        try:
            untrained([*SMALL, word])
            unanswered.append(f"{word}: accepted")
        except SeqlabError as error:
            if last not in str(error):
                unanswered.append(f"{word}: {str(error)[:150]}")
    share = 1 - len(unanswered) / n_tried
    return Result(
        "mistyped keys", n_tried, unanswered if share < SHARE_ANSWERED else [], f"{share:.1%} answered with the right key"
    )


def _mistyped(word: str, random_: random.Random) -> str:
    place = random_.randrange(1, len(word) - 1)
    return random_.choice((
        word[:place] + word[place + 1 :],
        word[:place] + word[place] + word[place:],
        word[:place] + word[place + 1] + word[place] + word[place + 2 :] if word[place] != word[place + 1] else word + "x",
        word[:place] + "q" + word[place + 1 :],
    ))  # fmt: skip
