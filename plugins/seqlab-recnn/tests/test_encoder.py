"""The tree encoder: the contract of encoders, and results on the trees of records."""

import functools
import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from seqlab_recnn.data.fields import TreeField
from seqlab_recnn.data.forest import Forest
from seqlab_recnn.data.sources import BranchingTrees
from seqlab_recnn.encoder import TreeEncoder
from seqlab_recnn.outside import OutsidePass

import seqlab
from seqlab.cli import main
from seqlab.config.build import build, known_targets
from seqlab.config.compose import compose, plain
from seqlab.data.batch import Batch, EncodedRecords
from seqlab.data.columns import string_records
from seqlab.errors import ConfigError, DataError
from seqlab.heads import SegmentHead
from seqlab.steps import Steps
from seqlab.testing import EncoderContract

OPTIONS = ["recnn", "recnn_max", "recnn_untied", "rntn", "treegru", "treelstm", "treelstm_nary", "treelstm_sequence"]
QUIET = ["encoder.width=6", "encoder.output_drop_prob=0", "paths.run_dir=."]
TREES = ["(S (NP (D the) (N cat)) (V sat))", "(N rain)", "(S (NP (D a) (J big) (N dog)) (VP (V ran)))"]
TOKENS = [["the", "cat", "sat"], ["rain"], ["a", "big", "dog", "ran"]]


@functools.cache
def settings_of(option: str, *overrides: str) -> dict[str, Any]:
    found: dict[str, Any] = plain(compose([f"encoder={option}", *QUIET, *overrides]))["encoder"]
    return found


def encoder_of(option: str, *overrides: str, input_width: int = 4) -> TreeEncoder:
    settings = settings_of(option, *overrides)
    fields = {"known": ["S", "NP"]}

    def fitted(built: Any) -> Any:
        if isinstance(built, TreeField):
            built.restore(fields, {})
        return built

    made: TreeEncoder = build(settings, targets=known_targets(), resolve=fitted, path="encoder", input_width=input_width)
    return made


def batch_of(encoder: TreeEncoder, trees: list[str] = TREES, tokens: list[list[str]] = TOKENS) -> Batch:
    records = string_records({"tree": trees, "tokens": tokens})
    encoded = EncodedRecords({encoder.tree.key: encoder.tree.encode(records)}, columns=records)
    return encoded.batch(np.arange(len(trees)))


class TestOverBalancedTrees(EncoderContract):
    def make(self, input_width: int) -> TreeEncoder:
        return encoder_of("treelstm", input_width=input_width)

    def lengths_of(self, lengths: Any) -> list[int]:
        return [max(0, 2 * length - 1) for length in lengths]


class TestLeavesInBothDirections(EncoderContract):
    def make(self, input_width: int) -> TreeEncoder:
        return encoder_of("treelstm_nary", "encoder.is_two_way=true", "encoder.output=leaves", input_width=input_width)


@pytest.mark.parametrize("option", OPTIONS)
def test_nodes_of_trees_come_in_post_order(option: str) -> None:
    encoder = encoder_of(option).eval()
    batch = batch_of(encoder)
    steps = Steps(torch.randn(3, 4, 4), torch.tensor([3, 1, 4]))
    encoded = encoder.encode(steps, batch)
    assert encoded.values.shape == (3, 7, encoder.output_width)
    assert encoded.lengths.tolist() == [5, 1, 7]
    assert encoded.covers is not None
    assert encoded.covers[2].tolist() == [[0, 1], [1, 2], [2, 3], [1, 3], [0, 3], [3, 4], [0, 4]]
    roots = torch.stack([encoded.values[0, 4], encoded.values[1, 0], encoded.values[2, 6]])
    torch.testing.assert_close(encoded.summary, roots[:, : encoder.summary_width])


@pytest.mark.parametrize("option", OPTIONS)
def test_records_of_a_batch_are_independent(option: str) -> None:
    encoder = encoder_of(option, "encoder.is_two_way=true").eval()
    values, lengths = torch.randn(3, 4, 4), torch.tensor([3, 1, 4])
    together = encoder.encode(Steps(values, lengths), batch_of(encoder))
    for i in range(3):
        alone = batch_of(encoder, TREES[i : i + 1], TOKENS[i : i + 1])
        one = encoder.encode(Steps(values[i : i + 1, : lengths[i]], lengths[i : i + 1]), alone)
        n_nodes = int(together.lengths[i])
        torch.testing.assert_close(together.values[i, :n_nodes], one.values[0, :n_nodes], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(together.summary[i : i + 1], one.summary, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("option", OPTIONS)
def test_bfloat16_autocast_is_near_float32(option: str) -> None:
    encoder = encoder_of(option, "encoder.is_two_way=true").eval()
    batch, steps = batch_of(encoder), Steps(torch.randn(3, 4, 4), torch.tensor([3, 1, 4]))
    expected = encoder.encode(steps, batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = encoder.encode(Steps(steps.values.bfloat16(), steps.lengths), batch)
    (found.values.float() ** 2).sum().backward()
    torch.testing.assert_close(found.values.float(), expected.values, atol=0.03, rtol=0.05)


def test_leaves_see_the_whole_tree() -> None:
    encoder = encoder_of("treelstm", "encoder.is_two_way=true", "encoder.output=leaves").eval()
    values = torch.randn(3, 4, 4, requires_grad=True)
    encoded = encoder.encode(Steps(values, torch.tensor([3, 1, 4])), batch_of(encoder))
    assert encoded.values.shape == (3, 4, 12)
    encoded.values[2, 0].sum().backward()
    assert values.grad is not None
    assert values.grad[2].abs().sum(1).gt(0).tolist() == [True] * 4
    assert not values.grad[:2].any()


def test_outside_equals_recursion(grow: Any) -> None:
    random = Random(4)
    trees = [grow(random, random.randint(1, 9), most=5) for _ in range(8)]
    from seqlab_recnn.data.forest import EncodedTrees

    forest = EncodedTrees(trees, [[0] * len(tree) for tree in trees]).collate(np.arange(8))
    above = OutsidePass(width=4).double()
    above.root.data.normal_()
    inside = torch.randn(forest.n_rows, 4, dtype=torch.float64, requires_grad=True)
    found = above(inside, forest)
    probes = torch.randn_like(found)
    wanted = [inside, *above.parameters()]
    gradients = torch.autograd.grad((found * probes).sum(), wanted)
    rows: dict[int, torch.Tensor] = {}
    for record, tree in enumerate(trees):
        place = forest.rows[record].tolist()
        for node in reversed(range(len(tree))):
            parent = int(tree.parents[node])
            if parent < 0:
                rows[place[node]] = above.root
                continue
            siblings = tree.children[parent]
            at = siblings.index(node)
            none = torch.zeros(4, dtype=torch.float64)
            sums = [sum((inside[place[one]] for one in part), none) for part in (siblings[:at], siblings[at + 1 :])]
            rows[place[node]] = torch.tanh(above.above(rows[place[parent]]) + above.siblings(torch.cat(sums)))
    expected = torch.stack([rows[row] for row in range(forest.n_rows)])
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    for one, other in zip(gradients, torch.autograd.grad((expected * probes).sum(), wanted), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_encoder_reports_mistakes() -> None:
    encoder = encoder_of("treelstm")
    batch = Batch({}, torch.tensor([3, 1, 4]), torch.arange(3))
    with pytest.raises(DataError, match="the records have no column 'tree' with trees"):
        encoder.encode(Steps(torch.zeros(3, 4, 4), torch.tensor([3, 1, 4])), batch)
    with pytest.raises(
        ConfigError,
        match=r"encoder\.output is 'leaves', but without a downward pass a leaf sees only its own word; set encoder",
    ):
        encoder_of("treelstm", "encoder.output=leaves")
    with pytest.raises(ConfigError, match="output is 'root'; expected nodes or leaves"):
        encoder_of("treelstm", "encoder.output=root")
    wide = encoder_of("rntn", "encoder.tree.trees.binarize=none")
    with pytest.raises(ConfigError, match="a node of 3 children, and the tensor takes two"):
        wide.encode(Steps(torch.zeros(3, 4, 4), torch.tensor([3, 1, 4])), batch_of(wide))


def test_heads_of_tokens_are_refused_over_nodes(tmp_path: Path) -> None:
    overrides = ["encoder=treelstm", "head=[crf]", "heads.tags.target.column=tokens", f"hydra.run.dir={tmp_path}"]
    with pytest.raises(ConfigError, match=r"heads\.tags labels the steps of the records, but the encoder gives nodes of trees"):
        seqlab.train(["data=sample_trees", "data.reader.n_train=20", *overrides])


SMALL = [
    *("data=sample_trees", "data.reader.n_train=20", "data.reader.n_val=5", "data.reader.n_test=5", "trainer.max_epochs=1"),
    *("encoder.width=8", "embedding=[words]", "embedding.parts.words.width=6", "n_threads=1"),
]


@pytest.mark.parametrize("option", OPTIONS)
def test_train_and_label_nodes(tmp_path: Path, option: str) -> None:
    hidden = ["encoder.tree.productions=shape"]  # hides the labels from the encoder
    run = seqlab.train([*SMALL, f"encoder={option}", *hidden, "head=[nodes,sequence]", f"hydra.run.dir={tmp_path}"])
    tagger = seqlab.load(run.model)
    record = {"tokens": ["a", "dull", "film"], "tree": "(2 (2 a) (1 (1 dull) (2 film)))"}
    tagged = tagger.predict([record, {"tokens": ["fine"], "tree": ""}])
    nodes = tagged[0].predictions["nodes"]
    assert nodes.bounds == [(0, 1), (1, 2), (2, 3), (1, 3), (0, 3)]
    assert len(nodes.labels) == 5
    assert [len(one.predictions["nodes"].labels) for one in tagged] == [5, 1]
    assert len(tagged[0].predictions["label"].labels) == 1
    assert [span.text for span in tagged[0].spans][-2:] == ["dull film", "a dull film"]


def test_labels_that_are_learned_are_refused_as_productions(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"encoder\.tree\.productions is 'label', which shows the encoder the labels"):
        seqlab.train([*SMALL, "encoder=recnn_untied", "head=[nodes]", f"hydra.run.dir={tmp_path}"])


def test_tree_over_a_bilstm_is_a_chain(tmp_path: Path) -> None:
    chain = ["encoder=chain", "encoder@encoder.parts.output=treelstm", "encoder.parts.output.width=7"]
    small = [word for word in SMALL if not word.startswith("encoder.")]
    names = ("trees", "productions")
    head = ["head=[nodes]", *(f"heads.nodes.target.{name}=${{encoder.parts.output.tree.{name}}}" for name in names)]
    run = seqlab.train([*small, *chain, *head, f"hydra.run.dir={tmp_path}"])
    tagger = seqlab.load(run.model)
    batch = tagger.batch([{"tokens": ["a", "dull", "film"], "tree": "(2 (2 a) (1 (1 dull) (2 film)))"}])
    labeler = tagger.bundle.labeler
    words = labeler.embedding(batch)
    below, above = labeler.encoder.parts.values()
    with torch.inference_mode():
        found = labeler(batch).values
        torch.testing.assert_close(found, above.encode(below.encode(words, batch), batch).values)
        changed = words.with_values(words.values.clone())
        changed.values[0, 2] += 1  # the last word, which the first word sees only through the BiLSTM
        assert not torch.allclose(labeler.encoder.encode(changed, batch).values[0, 0], found[0, 0])


def test_leaves_are_tagged_in_the_context_of_the_tree(tmp_path: Path) -> None:
    overrides = ["encoder=treelstm", "encoder.is_two_way=true", "encoder.output=leaves"]
    overrides += ["encoder/trees@encoder.tree.trees=branching", "trainer.max_epochs=1"]
    sizes = ["data.reader.n_train=60", "data.reader.n_val=10", "data.reader.n_test=10"]
    run = seqlab.train(["data=sample", "head=[crf]", "encoder.width=8", *sizes, *overrides, f"hydra.run.dir={tmp_path}"])
    (tagged,) = seqlab.load(run.model).predict(["She lives in Oslo ."])
    assert len(tagged.predictions["tags"].labels) == 5


CONLLU = (
    "1\tShe\t_\tPRON\t_\t_\t2\tnsubj\t_\t_\n2\tsees\t_\tVERB\t_\t_\t0\troot\t_\t_\n3\tOslo\t_\tPROPN\t_\t_\t2\tobj\t_\t_\n\n"
)


def test_words_are_tagged_in_the_context_of_their_dependencies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.conllu").write_text(CONLLU * 4, encoding="utf-8")
    overrides = ["encoder=treelstm", "encoder.is_two_way=true", "encoder.output=leaves", "encoder.width=8", "n_threads=1"]
    overrides += ["encoder/trees@encoder.tree.trees=dependencies", "trainer.max_epochs=1", "head=[softmax]"]
    run = seqlab.train(["data=conllu", f"data.dir={tmp_path}", *overrides, f"hydra.run.dir={tmp_path / 'run'}"])
    tagger = seqlab.load(run.model)
    assert tagger.columns == ["deprel", "heads", "tokens"]
    record = {"tokens": ["She", "sees", "Oslo"], "heads": [2, 0, 2], "deprel": ["nsubj", "root", "obj"], "misc": ["_"] * 3}
    (tagged,) = tagger.predict([record])
    assert len(tagged.predictions["tags"].labels) == 3
    (encoded,) = tagger.encode([record])
    assert encoded.summary.shape == (8,)
    capsys.readouterr()
    assert main(["predict", str(run.folder), str(tmp_path / "test.conllu")]) == 0
    answers = [json.loads(line)["predictions"]["tags"]["labels"] for line in capsys.readouterr().out.splitlines()]
    assert answers == [tagged.predictions["tags"].labels] * 4


def test_segments_are_the_nodes_that_cover_them() -> None:
    head = SegmentHead.__new__(SegmentHead)
    torch.nn.Module.__init__(head)
    head.pooling, head.dropout = (lambda steps: steps.values[:, 0]), torch.nn.Identity()
    from seqlab.data.fields import SegmentBounds

    covers = torch.tensor([[[0, 1], [1, 2], [0, 2], [2, 3], [0, 3]]])
    steps = Steps(torch.arange(5.0).view(1, 5, 1), torch.tensor([5]), covers=covers)
    bounds = SegmentBounds(torch.tensor([[0, 1, 0, 1]]), torch.tensor([[2, 2, 3, 3]]), torch.tensor([4]))
    found = head._nodes(steps, covers, bounds)
    assert found.values.flatten().tolist() == [2.0, 1.0, 4.0, 4.0]


def test_forests_move_to_a_device_whole() -> None:
    field = TreeField(trees=BranchingTrees(column="tokens", shape="left"), productions="none", min_count=1)
    field.fit(string_records({"tokens": TOKENS}))
    forest = field.encode(string_records({"tokens": TOKENS})).collate(np.arange(3))
    assert isinstance(forest, Forest)
    moved = forest.to(torch.device("meta"))
    assert moved.children.device.type == "meta"
    assert moved.groups == forest.groups


def test_inspect_draws_the_tree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = seqlab.train([*SMALL, "encoder=treelstm", "head=[nodes]", f"hydra.run.dir={tmp_path / 'run'}"])
    capsys.readouterr()
    record = '{"tokens": ["a", "dull", "film"], "tree": "(2 (2 a) (1 (1 dull) (2 film)))"}'
    assert main(["inspect", str(run.folder), "--record", record, "-o", str(tmp_path / "out")]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"index.html", "tree-nodes.svg"}
    assert (tmp_path / "out" / "tree-nodes.svg").read_text().count("<rect") == 5
    assert "<svg" in (tmp_path / "out" / "index.html").read_text()


def test_report_draws_trees_and_marks_wrong_nodes(tmp_path: Path) -> None:
    run = seqlab.train([*SMALL, "encoder=treelstm", "head=[nodes]", f"hydra.run.dir={tmp_path / 'run'}"])
    assert main(["report", str(run.folder), "--format", "json"]) == 0
    sections = json.loads((run.folder / "report.json").read_text())["sections"]
    (head,) = [section for section in sections if section["title"] == "Head nodes"]
    (worst,) = [section for section in head["sections"] if section["title"] == "Worst records"]
    trees = [example["chart"] for example in worst["blocks"][0]["items"]]
    assert trees
    assert {tree["kind"] for tree in trees} == {"tree"}
    n_wrong = [sum(gold != said for gold, said in zip(tree["gold"], tree["labels"], strict=True)) for tree in trees]
    assert n_wrong == sorted(n_wrong, reverse=True)
    assert main(["report", str(run.folder)]) == 0
    assert (run.folder / "report.html").read_text().count('class="error"') == sum(n_wrong)
