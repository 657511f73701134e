"""Walks over nested mappings."""

from seqlab.config.tree import leaves, parts, targets_in, walk

NODE = {"a": {"b": 1, "c": {}}, "d": [{"_target_": "x.Y", "e": {"_target_": "x.Z"}}], "f": {"_target_": 3}}


def test_walk_yields_outer_nodes_before_inner_ones() -> None:
    assert [path for path, _ in walk(NODE)] == ["", "a", "a.b", "a.c", "d", "f", "f._target_"]
    assert [path for path, _ in walk({"d": [1, {"e": 2}]}, "top", with_lists=True)] == [
        *("top", "top.d", "top.d.0", "top.d.1", "top.d.1.e"),
    ]


def test_leaves_are_what_is_no_mapping_and_empty_mappings() -> None:
    assert dict(leaves(NODE["a"], "a", separator="/")) == {"a/b": 1, "a/c": {}}
    assert dict(leaves(3, "key")) == {"key": 3}


def test_parts_are_mappings_with_a_named_target() -> None:
    assert [path for path, _ in parts(NODE)] == ["d.0", "d.0.e"]
    assert list(targets_in(NODE)) == ["x.Y", "x.Z"]
