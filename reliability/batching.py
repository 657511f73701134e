"""Batches: a record has the same labels, and confidences within 1e-5, alone and in batches of any size and order."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf, open_dict
from results import Result

from seqlab.config.build import known_targets
from seqlab.config.compose import compose, options_of
from seqlab.config.mistakes import explaining
from seqlab.data.batch import EncodedRecords
from seqlab.data.batching import shuffled_batches, sorted_batches
from seqlab.data.fields.registry import Fields
from seqlab.data.sample import SampleReader
from seqlab.errors import SeqlabError
from seqlab.model.bundle import load_bundle
from seqlab.model.labeler import Labeler
from seqlab.training.setup import prepare
from seqlab.training.train import train
from seqlab.types import Prediction

ALLOWED = 1e-5
SIZES = ("data.reader.n_train=60", "data.reader.n_val=5", "data.reader.n_test=5", "trainer=cpu", "n_threads=1")
WORDS = "embedding=[words]"
HEADS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("sequence", "multilabel", "softmax_taught"), ("data=sample_intents", WORDS)),
    **dict.fromkeys(("ctc", "hmm_hybrid"), ("data=sample_frames", "embedding=[frames]")),
    **dict.fromkeys(("relatedness", "entailment"), ("data=sample_pairs", WORDS)),
    "hmm": ("data=sample", "experiment=hmm"),
    "nodes": ("data=sample_trees", WORDS),
}
"""Head -> data and embedding; of the others, `OTHERS`."""
OTHERS = ("data=sample", WORDS)
TREES = ("encoder.output=leaves", "encoder.is_two_way=true", "encoder/trees@encoder.tree.trees=branching")
"""Overrides of tree encoders where records have no trees, and heads label words."""
TRAINED = {
    "crf": ("head=[crf]", "encoder=lstm"),
    "softmax": ("head=[softmax]", "encoder=gru"),
    "semi_markov": ("head=[semi_markov]", "encoder=lstm"),
    "biaffine": ("head=[biaffine]", "encoder=lstm"),
    "sequence": ("head=[sequence]", "encoder=sru"),
    "ctc": ("head=[ctc]", "encoder=lstm"),
    "nodes": ("head=[nodes]", "encoder=treelstm"),
}
"""Head -> overrides of a model that is trained."""
SHORT = (
    ("lstm", "crf"),
    ("qrnn", "semi_markov"),
    ("window", "sequence"),
    ("gru", "ctc"),
    ("treelstm", "nodes"),
    ("rnn", "segment"),
)
"""Encoders and heads of the short form."""


def attack(folder: Path, *, is_short: bool, seed: int) -> Iterator[Result]:
    """Label records with untrained models of each encoder and head, and with trained models."""
    torch.set_num_threads(1)
    pairs = SHORT if is_short else [(encoder, head) for head in options_of("head") for encoder in options_of("encoder")]
    for head in dict.fromkeys(head for _, head in pairs):
        encoders = [encoder for encoder, other in pairs if other == head]
        yield _untrained(head, encoders, n_steps=500 if is_short else 2_000, seed=seed)
    faults, n_steps = [], 0
    for head, overrides in list(TRAINED.items())[: 1 if is_short else None]:
        words = [
            *SIZES,
            *HEADS.get(head, OTHERS),
            *overrides,
            "encoder.width=16",
            "trainer.max_epochs=2",
            "data.reader.n_train=300",
        ]
        model = load_bundle(train([*words, f"hydra.run.dir={folder / head}"]).model)
        corpus = _config(HEADS.get(head, OTHERS), head).data.reader.corpus
        records = _records(corpus, n_steps=2_000 if is_short else 100_000, fields=model.fields)
        n_steps += records.n_steps
        faults += [f"{head}: {fault}" for fault in _differences(model.labeler, records, seed=seed)]
    yield Result("batches of trained models", n_steps, faults, "steps alike alone and in batches")


def _untrained(head: str, encoders: Sequence[str], *, n_steps: int, seed: int) -> Result:
    faults, n_labelled, refused = [], 0, defaultdict(list)
    config = _config(HEADS.get(head, OTHERS), head)
    corpus = config.data.reader.corpus
    for encoder in encoders:
        with open_dict(config):
            config.encoder = _encoder(encoder, has_trees=corpus == "trees")
        try:
            with explaining([f"encoder={encoder}", f"head=[{head}]"]):
                start = prepare(config.copy(), targets=known_targets())
            records = _records(corpus, n_steps=n_steps, fields=start.fields)
            faults += [f"{encoder}: {fault}" for fault in _differences(start.labeler, records, seed=seed)]
            n_labelled += records.n_steps
        except SeqlabError as error:
            refused[str(error)].append(encoder)
    n_tried = len(encoders) - sum(map(len, refused.values()))
    why = "".join(f"; not with {', '.join(names)}: {reason}" for reason, names in refused.items())
    return Result(f"batches, head {head}", n_tried, faults, f"encoders, {n_labelled:,} steps{why}")


def _config(words: Sequence[str], head: str) -> Any:
    return compose([*SIZES, *words, f"head=[{head}]"])


@cache
def _encoder(option: str, *, has_trees: bool) -> Any:
    """Return the config of a small encoder; one of trees reads those of the records, or makes its own."""
    node = compose([f"encoder={option}"]).encoder
    if "tree" in node and not has_trees:
        node = compose([f"encoder={option}", *TREES]).encoder
    for part in (node, *node.get("parts", {}).values()):
        if "width" in part:
            part.width = 8
    return OmegaConf.create(OmegaConf.to_container(node, resolve=False))


def _records(corpus: str, *, n_steps: int, fields: Fields) -> EncodedRecords:
    """Return at least `n_steps` steps of test records."""
    n_records = 32
    while True:
        reader = SampleReader(corpus=corpus, n_train=0, n_val=0, n_test=n_records, seed=2)
        encoded = fields.encode(reader.read(Path("test")))
        if encoded.n_steps >= n_steps:
            return encoded
        n_records = n_records * n_steps // encoded.n_steps + 1


@torch.inference_mode()
def _differences(labeler: Labeler, records: EncodedRecords, *, seed: int) -> Iterator[str]:
    """Yield where labels or confidences in batches differ from those of each record alone: the first of each batching."""
    labeler.eval()
    random, rows = np.random.default_rng(seed), np.arange(len(records))
    batchings = {
        "7 records in any order": np.array_split(random.permutation(rows), -(-len(rows) // 7)),
        "sorted, 4096 steps": sorted_batches(records.sizes, max_tokens=4096),
        "shuffled, 300 steps": shuffled_batches(records.sizes, max_tokens=300, seed=seed, epoch=0),
    }
    alone = _predicted(labeler, records, [rows[i : i + 1] for i in rows])
    for said, batches in batchings.items():
        found = _predicted(labeler, records, batches)
        for name, expected in alone.items():
            unlike = [row for row in rows if not _are_alike(found[name][row], expected[row])]
            if unlike:
                one, other = (where[name][unlike[0]] for where in (found, alone))
                yield f"{said}: {len(unlike)} of {len(rows)} records differ, first {unlike[0]}: {one!r:.150} / {other!r:.150}"


def _predicted(labeler: Labeler, records: EncodedRecords, batches: Sequence[np.ndarray]) -> Mapping[str, list[Prediction]]:
    outputs = [labeler.predict(records.batch(rows), use_confidences=True) for rows in batches]
    back = np.argsort(np.concatenate(batches), kind="stable")
    flat = {name: [prediction for output in outputs for prediction in output[name]] for name in labeler.heads}
    return {name: [predictions[i] for i in back] for name, predictions in flat.items()}


def _are_alike(one: Prediction, other: Prediction) -> bool:
    numbers = [
        [*found.confidences, *(found.span_confidences or []), *([] if found.value is None else [found.value])]
        for found in (one, other)
    ]
    has_same_labels = (one.labels, one.bounds) == (other.labels, other.bounds)
    return has_same_labels and len(numbers[0]) == len(numbers[1]) and np.allclose(*numbers, rtol=0, atol=ALLOWED)
