"""The sample corpora: deterministic, well-formed, and in the test split names and negations that are new."""

import os
import subprocess
import sys
from collections import Counter, defaultdict
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import datasets
import pytest
from seqeval.metrics import f1_score

from seqlab.data.sample import SampleReader
from seqlab.errors import ConfigError, DataError

CORPORA = ("tags", "intents", "trees", "frames")
SPLITS = ("train", "val", "test")

NEGATORS = {
    "not",
    "never",
    "hardly",
    "scarcely",
    "without",
    "no",
    "lacked",
    "failed",
    "far",
    "anything",
    "nobody",
    "neither",
}
INTENSIFIERS = {"very", "truly", "extremely", "really", "utterly"}
DIMINISHERS = {"somewhat", "slightly", "mildly", "fairly"}

PINNED_SENTENCE = "Will the supplier Kellstone Systems default at the harbour in Nagara Island ?"
PINNED_FRAMES = (list("sansilililo"), [-1.5683, 0.5864, -0.4507, 0.0796])


@cache
def sample(corpus: str, split: str, n: int = 200, seed: int = 1) -> datasets.Dataset:
    return SampleReader(corpus=corpus, n_train=n, n_val=n, n_test=n, seed=seed).read(Path(split))


@cache
def columns(corpus: str, split: str, n: int = 200) -> dict[str, list[Any]]:
    return sample(corpus, split, n).to_dict()


@pytest.mark.parametrize("corpus", CORPORA)
def test_read_same_seed_gives_same_records(corpus: str) -> None:
    first, again = (sample.__wrapped__(corpus, "test", 50, 3) for _ in range(2))
    assert first.to_list() == again.to_list()


@pytest.mark.parametrize("corpus", CORPORA)
def test_read_other_seeds_and_splits_give_other_records(corpus: str) -> None:
    column = "labels" if corpus == "frames" else "tokens"
    contents = [list(sample(corpus, split, 50, seed)[column]) for split in SPLITS for seed in (3, 4)]
    assert all(first != second for first, second in combinations(contents, 2))


@pytest.mark.parametrize("corpus", CORPORA)
def test_read_any_size_starts_with_same_records(corpus: str) -> None:
    assert sample(corpus, "val", 7).to_list() == sample(corpus, "val", 20).to_list()[:7]
    assert sample(corpus, "val", 7)["id"][-1] == f"{corpus}-val-6"


@pytest.mark.parametrize("corpus", CORPORA)
def test_read_no_records_keeps_columns(corpus: str) -> None:
    assert len(sample(corpus, "train", 0)) == 0
    assert sample(corpus, "train", 0).features == sample(corpus, "train").features


def test_read_does_not_depend_on_hash_seed() -> None:
    program = (
        "from pathlib import Path; from seqlab.data.sample import SampleReader\n"
        f"for corpus in {CORPORA}:\n"
        "    print(SampleReader(corpus=corpus, n_train=0, n_val=0, n_test=5, seed=2).read(Path('test')).to_list())\n"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1] != ""


def test_sizes_are_those_of_the_splits() -> None:
    reader = SampleReader(corpus="intents", n_train=3, n_val=2, n_test=1, seed=0)
    assert [len(reader.read(Path(split))) for split in SPLITS] == [3, 2, 1]


def test_reader_refuses_unknown_corpus() -> None:
    with pytest.raises(ConfigError, match=r"corpus is 'poems'; expected one of tags, intents, trees, frames"):
        SampleReader(corpus="poems", n_train=1, n_val=1, n_test=1, seed=0)


@pytest.mark.parametrize("name", ["n_train", "n_val", "n_test", "seed"])
def test_reader_refuses_negative_numbers(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is -1; expected 0 or more"):
        SampleReader(**{"corpus": "tags", "n_train": 1, "n_val": 1, "n_test": 1, "seed": 0, name: -1})


def test_read_refuses_unknown_split() -> None:
    with pytest.raises(DataError, match=r"dev\.conll: no split .* expected train, val, test"):
        sample("tags", "dev.conll")


# ------------------------------------------------------------------------------------------- sentences and requests


def spans(tags: list[str]) -> list[tuple[str, int, int]]:
    """Return (type, start, end) of well-formed BIO tags."""
    found: list[tuple[str, int, int]] = []
    for i, tag in enumerate(tags):
        if tag == "O":
            continue
        prefix, kind = tag.split("-")
        if prefix == "I":
            assert found[-1][::2] == (kind, i), f"{tag} at {i} continues nothing in {tags}"
            found[-1] = (kind, found[-1][1], i + 1)
        else:
            assert prefix == "B"
            found.append((kind, i, i + 1))
    return found


def surfaces(corpus: str, split: str, kinds: set[str]) -> set[str]:
    rows = columns(corpus, split)
    return {
        " ".join(tokens[start:end]).lower()
        for tokens, tags in zip(rows["tokens"], rows["tags"], strict=True)
        for kind, start, end in spans(tags)
        if kind in kinds
    }


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    ("corpus", "kinds"),
    [
        ("tags", {"PER", "ORG", "LOC", "PRODUCT"}),
        ("intents", {"city", "date", "time", "person", "song", "artist", "restaurant", "dish", "amount", "task"}),
    ],
)
def test_tags_are_bio_as_long_as_tokens(corpus: str, kinds: set[str], split: str) -> None:
    rows = columns(corpus, split)
    assert [len(tags) for tags in rows["tags"]] == [len(tokens) for tokens in rows["tokens"]]
    assert kinds <= {kind for tags in rows["tags"] for kind, _, _ in spans(tags)}


@pytest.mark.parametrize(
    ("corpus", "kinds"),
    [("tags", {"PER", "ORG", "LOC", "PRODUCT"}), ("intents", {"person", "city", "song", "artist", "restaurant"})],
)
def test_names_of_splits_are_disjoint(corpus: str, kinds: set[str]) -> None:
    names = {split: surfaces(corpus, split, kinds) for split in SPLITS}
    for first, second in combinations(SPLITS, 2):
        assert not names[first] & names[second]
    words = {split: {word for name in names[split] for word in name.split()} for split in SPLITS}
    assert words["test"] & words["train"], "names share some of their words"
    assert len(words["test"] - words["train"]) > 20, "and not all of them"


def test_sentence_words_are_ambiguous() -> None:
    uses = defaultdict(set)
    rows = columns("tags", "train", 1000)
    for tokens, tags in zip(rows["tokens"], rows["tags"], strict=True):
        for token, tag in zip(tokens, tags, strict=True):
            uses[token.lower()].add(tag[2:] or "O")
    assert {"O", "PER"} <= uses["rose"]
    assert {"O", "PER"} <= uses["will"]
    assert {"O", "ORG", "PRODUCT"} <= uses["anchor"]
    assert sum({"PER", "LOC", "ORG"} <= kinds for kinds in uses.values()) > 20


def test_sentences_are_sometimes_lower_cased_and_otherwise_start_with_a_capital() -> None:
    sentences = [" ".join(tokens) for tokens in columns("tags", "train")["tokens"]]
    n_lower = sum(sentence == sentence.lower() for sentence in sentences)
    assert 0.04 < n_lower / len(sentences) < 0.2
    assert all(sentence[0].isupper() or sentence == sentence.lower() for sentence in sentences)


def test_commas_stand_between_words() -> None:
    for tokens in columns("tags", "train", 1000)["tokens"]:
        for token, following in zip(tokens, [*tokens[1:], "."], strict=True):
            assert token != "," or following[0].isalnum(), tokens


def test_sentence_types_and_parts_of_speech() -> None:
    rows = columns("tags", "test")
    assert set(rows["label"]) == {"declarative", "question", "imperative", "exclamation", "fragment"}
    assert [len(upos) for upos in rows["upos"]] == [len(tokens) for tokens in rows["tokens"]]
    marks = Counter(mark for upos in rows["upos"] for mark in upos)
    assert {"NOUN", "VERB", "ADP", "DET", "PROPN", "ADJ", "ADV", "PUNCT", "AUX", "PRON", "SCONJ"} <= set(marks)
    assert "" not in marks


def test_chunks_lie_in_order_without_overlap() -> None:
    rows = columns("tags", "train")
    assert {chunk["label"] for chunks in rows["segments"] for chunk in chunks} == {"NP", "VP", "PP"}
    for tokens, upos, chunks in zip(rows["tokens"], rows["upos"], rows["segments"], strict=True):
        edges = [edge for chunk in chunks for edge in (chunk["start"], chunk["end"])]
        assert edges == sorted(edges)
        assert all(0 <= chunk["start"] < chunk["end"] <= len(tokens) for chunk in chunks)
        assert all(upos[chunk["start"]] == "ADP" for chunk in chunks if chunk["label"] == "PP")


def test_entities_never_cross_chunks() -> None:
    rows = columns("tags", "train")
    for tags, chunks in zip(rows["tags"], rows["segments"], strict=True):
        for _, start, end in spans(tags):
            outside = [chunk for chunk in chunks if chunk["end"] <= start or end <= chunk["start"]]
            inside = [chunk for chunk in chunks if chunk["start"] <= start and end <= chunk["end"]]
            assert len(outside) + len(inside) == len(chunks)


@pytest.mark.parametrize("corpus", ["tags", "intents", "trees"])
def test_articles_agree_with_the_next_word(corpus: str) -> None:
    pairs = {
        (tokens[i].lower(), tokens[i + 1].lower())
        for tokens in columns(corpus, "train")["tokens"]
        for i in range(len(tokens) - 1)
    }
    assert ("a", "old") not in pairs
    assert {word for article, word in pairs if article == "an"} > set()
    assert all(word[0] in "aeiouh" for article, word in pairs if article == "an")
    assert not [word for article, word in pairs if article == "a" and word[0] in "aeio"]


def test_requests_are_lower_cased_and_have_eight_intents() -> None:
    rows = columns("intents", "train")
    assert len(set(rows["label"])) == 8
    assert all(token == token.lower() for tokens in rows["tokens"] for token in tokens)


def test_requests_of_one_verb_have_several_intents() -> None:
    intents = defaultdict(set)
    rows = columns("intents", "train", 1000)
    for tokens, label in zip(rows["tokens"], rows["label"], strict=True):
        for token in set(tokens):
            intents[token].add(label)
    assert all(len(intents[verb]) >= 2 for verb in ("book", "set", "order", "send", "turn", "take"))


# ------------------------------------------------------------------------------------------------------- trees

Node = tuple[int, str, list["Node"]]


def parse(tree: str) -> Node:
    """Return (label, word, children) of Penn brackets."""
    stack: list[Node] = [(0, "", [])]
    for piece in tree.replace("(", " ( ").replace(")", " ) ").split():
        if piece == "(":
            stack.append((-1, "", []))
        elif piece == ")":
            node = stack.pop()
            stack[-1][2].append(node)
        elif stack[-1][0] < 0:
            stack[-1] = (int(piece), "", stack[-1][2])
        else:
            stack[-1] = (stack[-1][0], piece, [])
    ((_, _, (root,)),) = stack
    return root


def leaves(node: Node) -> list[Node]:
    return [leaf for child in node[2] for leaf in leaves(child)] if node[2] else [node]


def nodes(node: Node) -> list[Node]:
    return [node, *(below for child in node[2] for below in nodes(child))]


def first_word(node: Node) -> str:
    """Return the word that opens a constituent, past a comma."""
    words = [leaf[1].lower() for leaf in leaves(node)]
    return words[1] if words[0] == "," else words[0]


def expected_score(left: Node, right: Node) -> int:
    """Return the score of a parent, worked out from its children's labels and the operators' words alone."""
    x, y = left[0] - 2, right[0] - 2
    sign = (y > 0) - (y < 0)
    operator = left[1].lower()
    if operator in NEGATORS:
        return -sign
    if operator in INTENSIFIERS:
        return max(-2, min(2, y + sign))
    if operator in DIMINISHERS:
        return sign
    if operator in ("but", "although", ","):
        return y
    if first_word(right) == "but" or (first_word(left) == "although" and leaves(right)[0][1] == ","):
        return y or x
    return (x or y) if first_word(right) == "although" else max(-2, min(2, x + y))


@pytest.mark.parametrize("split", SPLITS)
def test_trees_are_binary_over_the_tokens(split: str) -> None:
    for row in sample("trees", split):
        tree = parse(row["tree"])
        assert [leaf[1] for leaf in leaves(tree)] == row["tokens"]
        assert {len(node[2]) for node in nodes(tree)} <= {0, 2}
        assert str(tree[0]) == row["label"]
        assert {node[0] for node in nodes(tree)} <= set(range(5))


@pytest.mark.parametrize("split", SPLITS)
def test_tree_labels_follow_from_the_children(split: str) -> None:
    for row in sample("trees", split):
        for label, _, children in nodes(parse(row["tree"])):
            if children:
                assert label == expected_score(*children) + 2, row["tree"]


def test_tree_words_have_one_label_each() -> None:
    labels = defaultdict(set)
    for row in sample("trees", "train", 500):
        for label, word, _ in leaves(parse(row["tree"])):
            labels[word.lower()].add(label)
    assert {word for word, seen in labels.items() if len(seen) > 1} == set()
    assert all(labels[operator] == {2} for operator in NEGATORS | INTENSIFIERS | DIMINISHERS)


def has_operator_under_negator(tree: Node) -> bool:
    inner = NEGATORS | INTENSIFIERS | DIMINISHERS
    scopes = [node[2][1] for node in nodes(tree) if node[2] and node[2][0][1].lower() in NEGATORS]
    return any(leaf[1].lower() in inner for scope in scopes for leaf in leaves(scope))


def test_only_test_trees_nest_operators_under_negation() -> None:
    shares = {
        split: sum(has_operator_under_negator(parse(tree)) for tree in columns("trees", split)["tree"]) / 200
        for split in SPLITS
    }
    assert shares["train"] == shares["val"] == 0
    assert shares["test"] > 0.2


# ------------------------------------------------------------------------------------------------------- frames


def test_frames_are_wide_enough_and_long_enough_for_their_labels() -> None:
    rows = columns("frames", "train", 100)
    assert {len(frame) for frames in rows["frames"] for frame in frames} == {10}
    for frames, labels in zip(rows["frames"], rows["labels"], strict=True):
        n_repeats = sum(left == right for left, right in pairwise(labels))
        assert len(frames) >= 3 * len(labels) >= len(labels) + n_repeats
    assert len({label for labels in rows["labels"] for label in labels}) == 12


def test_frames_of_one_utterance_vary_in_duration() -> None:
    rows = columns("frames", "train", 100)
    rates = {len(f) / len(labels) for f, labels in zip(rows["frames"], rows["labels"], strict=True)}
    assert min(rates) < 4 < 5 < max(rates)


def test_frames_are_the_same_on_every_machine() -> None:
    row = sample("frames", "test", 1)[0]
    assert (row["labels"], [round(value, 4) for value in row["frames"][0][:4]]) == PINNED_FRAMES


def test_names_are_the_same_on_every_machine() -> None:
    assert " ".join(columns("tags", "test", 1)["tokens"][0]) == PINNED_SENTENCE


# ---------------------------------------------------------------------------------------------------- baselines


def lookup_tags(corpus: str) -> float:
    """Return the span F1 of each word's most frequent tag, O for unknown words."""
    counts = defaultdict(Counter)
    train, test = columns(corpus, "train", 1000), columns(corpus, "test")
    for tokens, tags in zip(train["tokens"], train["tags"], strict=True):
        for token, tag in zip(tokens, tags, strict=True):
            counts[token][tag] += 1
    guesses = [
        [counts[token].most_common(1)[0][0] if token in counts else "O" for token in tokens] for tokens in test["tokens"]
    ]
    return float(f1_score(test["tags"], guesses))


@pytest.mark.parametrize("corpus", ["tags", "intents"])
def test_word_lookup_finds_some_spans_but_not_most(corpus: str) -> None:
    assert 0.25 < lookup_tags(corpus) < 0.55


def test_summed_word_scores_miss_most_roots() -> None:
    trees = [parse(tree) for tree in columns("trees", "test")["tree"]]
    sums = [max(-2, min(2, sum(leaf[0] - 2 for leaf in leaves(tree)))) + 2 for tree in trees]
    right = sum(total == tree[0] for total, tree in zip(sums, trees, strict=True)) / len(trees)
    assert 0.25 < right < 0.5
