"""Majority and word-lookup baselines for the sample corpora."""

import argparse
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from math import log
from pathlib import Path

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from omegaconf import OmegaConf
from seqeval.metrics import f1_score

from seqlab.config.paths import config_dir
from seqlab.data.sample import SampleReader
from seqlab.metrics.edit_distance import label_error_rate

Scores = dict[str, float]


def token_scores(train: Dataset, test: Dataset, column: str) -> Scores:
    """Return the accuracy (span F1 for `tags`) of the most frequent tag and of each word's most frequent tag."""
    words = [word for tokens in train["tokens"] for word in tokens]
    tags = [tag for tags in train[column] for tag in tags]
    table = _most_frequent(zip(words, tags, strict=True))
    majority = _majority(tags)
    guesses = [[table.get(word, majority) for word in tokens] for tokens in test["tokens"]]
    constant = [[majority] * len(tokens) for tokens in test["tokens"]]
    gold = list(test[column])
    if column == "tags":
        return {
            "majority F1": float(f1_score(gold, constant, zero_division=0)),
            "lookup F1": float(f1_score(gold, guesses)),
        }
    return {"majority": _accuracy(_flat(gold), _flat(constant)), "lookup": _accuracy(_flat(gold), _flat(guesses))}


def label_scores(train: Dataset, test: Dataset) -> Scores:
    """Return the accuracy of the most frequent label, of a vote of the words' labels, and of naive Bayes."""
    return _text_scores(train["tokens"], train["label"], test["tokens"], test["label"])


def segment_scores(train: Dataset, test: Dataset) -> Scores:
    """Return the same as `label_scores` for given segments, each read as a bag of words."""
    return _text_scores(*_segments(train), *_segments(test))


def node_scores(train: Dataset, test: Dataset) -> Scores:
    """Return the accuracy over the nodes of trees of the most frequent label and of the clipped sum of word scores."""
    labels = [node[0] for tree in train["tree"] for node in _nodes(tree)]
    table = _most_frequent((words[0], label) for tree in train["tree"] for label, words in _nodes(tree) if len(words) == 1)
    gold = [(label, words) for tree in test["tree"] for label, words in _nodes(tree)]
    roots = [(label, _summed(tokens, table)) for label, tokens in zip(test["label"], test["tokens"], strict=True)]
    return {
        "majority": _accuracy([label for label, _ in gold], [_majority(labels)] * len(gold)),
        "lookup sum": _accuracy([label for label, _ in gold], [_summed(words, table) for _, words in gold]),
        "lookup sum at the root": _accuracy(*zip(*roots, strict=True)),
    }


def frame_scores(train: Dataset, test: Dataset) -> Scores:
    """Return label error rates of a single constant label, and of the nearest label mean for pieces of equal length."""
    frames = [np.asarray(frames) for frames in train["frames"]]
    sums: defaultdict[str, list[NDArray[np.float64]]] = defaultdict(list)
    for sequence, labels in zip(frames, train["labels"], strict=True):
        for label, piece in zip(labels, np.array_split(sequence, len(labels)), strict=True):
            sums[label].append(piece.mean(axis=0))
    names = sorted(sums)
    means = np.stack([np.mean(sums[name], axis=0) for name in names])

    n_frames_each = sum(map(len, frames)) / sum(map(len, train["labels"]))

    def nearest(sequence: NDArray[np.float64]) -> list[str]:
        pieces = np.array_split(sequence, max(1, round(len(sequence) / n_frames_each)))
        return [names[((piece.mean(axis=0) - means) ** 2).sum(axis=-1).argmin()] for piece in pieces]

    majority = _majority(label for labels in train["labels"] for label in labels)
    guesses = [nearest(np.asarray(sequence)) for sequence in test["frames"]]
    return {
        "majority error rate": label_error_rate(test["labels"], [[majority] for _ in guesses])["label_error_rate"],
        "nearest mean error rate": label_error_rate(test["labels"], guesses)["label_error_rate"],
    }


def weather_scores(train: Dataset, test: Dataset) -> Scores:
    """Return the accuracy of the most frequent tag, and of the nearest mean of the scaled measurements of the day alone."""
    frames, tags = np.concatenate([np.asarray(frames) for frames in train["frames"]]), np.asarray(_flat(train["tags"]))
    names, scale = sorted(set(tags)), frames.std(0)
    means = np.stack([frames[tags == name].mean(0) for name in names])
    days = np.concatenate([np.asarray(frames) for frames in test["frames"]])
    nearest = (((days[:, None] - means) / scale) ** 2).sum(-1).argmin(1)
    gold = _flat(test["tags"])
    return {
        "majority": _accuracy(gold, [_majority(tags.tolist())] * len(gold)),
        "nearest mean": _accuracy(gold, [names[index] for index in nearest]),
    }


TASKS: dict[str, dict[str, Callable[[Dataset, Dataset], Scores]]] = {
    "sample": {
        "tags": lambda train, test: token_scores(train, test, "tags"),
        "upos": lambda train, test: token_scores(train, test, "upos"),
        "segments": segment_scores,
        "label": label_scores,
    },
    "sample_intents": {"tags": lambda train, test: token_scores(train, test, "tags"), "label": label_scores},
    "sample_trees": {"label": label_scores, "tree": node_scores},
    "sample_frames": {"labels": frame_scores},
    "sample_weather": {"tags": weather_scores},
}


def _text_scores(
    texts: Iterable[Sequence[str]],
    labels: Iterable[str],
    test_texts: Iterable[Sequence[str]],
    test_labels: Iterable[str],
) -> Scores:
    texts, labels, test_texts, gold = list(texts), list(labels), list(test_texts), list(test_labels)
    pairs = [(word, label) for text, label in zip(texts, labels, strict=True) for word in text]
    table, majority = _most_frequent(pairs), _majority(labels)
    votes = [_majority([table[word] for word in text if word in table] or [majority]) for text in test_texts]
    bayes = _naive_bayes(pairs, labels)
    return {
        "majority": _accuracy(gold, [majority] * len(gold)),
        "lookup vote": _accuracy(gold, votes),
        "naive Bayes": _accuracy(gold, [bayes(text) for text in test_texts]),
    }


def _naive_bayes(pairs: Iterable[tuple[str, str]], labels: Sequence[str]) -> Callable[[Sequence[str]], str]:
    counts, priors = Counter(pairs), Counter(labels)
    totals = Counter[str]()
    for (_, label), count in counts.items():
        totals[label] += count
    vocabulary = {word for word, _ in counts}

    def classify(text: Sequence[str]) -> str:
        def score(label: str) -> float:
            denominator = totals[label] + len(vocabulary)
            return log(priors[label]) + sum(log((counts[word, label] + 1) / denominator) for word in text if word in vocabulary)

        return max(sorted(priors), key=score)

    return classify


def _segments(records: Dataset) -> tuple[list[list[str]], list[str]]:
    rows = [(tokens, segment) for tokens, row in zip(records["tokens"], records["segments"], strict=True) for segment in row]
    return [tokens[segment["start"] : segment["end"]] for tokens, segment in rows], [segment["label"] for _, segment in rows]


def _nodes(tree: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the label and the words of each node."""
    open_nodes: list[tuple[str, list[str]]] = []
    for piece in tree.replace("(", " (").replace(")", " ) ").split():
        if piece.startswith("("):
            open_nodes.append((piece[1:], []))
        elif piece == ")":
            yield open_nodes.pop()
        else:
            for _, words in open_nodes:
                words.append(piece)


def _summed(words: Sequence[str], table: dict[str, str]) -> str:
    return str(2 + max(-2, min(2, sum(int(table.get(word, "2")) - 2 for word in words))))


def _most_frequent(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for key, value in pairs:
        counts[key][value] += 1
    return {key: _majority(values.elements()) for key, values in counts.items()}


def _majority(values: Iterable[str]) -> str:
    """Return the most frequent value; ties go to the first in alphabetical order."""
    return min(Counter(values).items(), key=lambda item: (-item[1], item[0]))[0]


def _flat(sequences: Iterable[Sequence[str]]) -> list[str]:
    return list(chain.from_iterable(sequences))


def _accuracy(gold: Sequence[str], guesses: Sequence[str]) -> float:
    return sum(a == b for a, b in zip(gold, guesses, strict=True)) / len(gold)


def main() -> None:
    """Print one line per corpus and column."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="seed of the corpora (default: the one in the config)")
    options = parser.parse_args()
    for name, tasks in TASKS.items():
        config = OmegaConf.load(config_dir() / "data" / f"{name}.yaml").reader
        seed = config.seed if options.seed is None else options.seed
        reader = SampleReader(corpus=config.corpus, n_train=config.n_train, n_val=0, n_test=config.n_test, seed=seed)
        train, test = reader.read(Path("train")), reader.read(Path("test"))
        for column, score in tasks.items():
            print(f"{name:15} {column:9}", "  ".join(f"{key} {value:.3f}" for key, value in score(train, test).items()))


if __name__ == "__main__":
    main()
