import re

import pytest
import torch
from seqlab_recnn import ChildSumLstm, TreeEncoder, parse_forest

from seqlab.errors import DataError
from seqlab.steps import Steps


def test_an_encoder_reads_the_tree_of_a_string() -> None:
    words, forest = parse_forest(["(S (NP (D the) (N cat)) (V sleeps))", "(N rain)"])
    assert words == [["the", "cat", "sleeps"], ["rain"]]
    torch.manual_seed(0)
    encoder = TreeEncoder(input_width=4, width=6).eval()
    assert isinstance(encoder.composition, ChildSumLstm)
    steps = Steps(torch.randn(2, 3, 4), torch.tensor([3, 1]))
    encoded = encoder(steps, forest)
    assert encoded.values.shape == (2, 5, 6)
    assert encoded.lengths.tolist() == [5, 1]
    # nodes are in post-order: the, cat, (NP the cat), sleeps, (S …)
    assert encoded.covers[0].tolist() == [[0, 1], [1, 2], [0, 2], [2, 3], [0, 3]]
    torch.testing.assert_close(encoded.summary, torch.stack([encoded.values[0, 4], encoded.values[1, 0]]))
    # another tree over the same words, another root
    _, other = parse_forest(["(S (D the) (VP (N cat) (V sleeps)))", "(N rain)"])
    assert not torch.allclose(encoder(steps, other).summary[0], encoded.summary[0])


@pytest.mark.parametrize(
    ("text", "fault"),
    [("(S (NP she)", "string 1, '(S (NP she)': "), ("", "string 1, '': 0 trees; expected one"), ("(a b) (c d)", "2 trees")],
)
def test_a_string_with_a_mistake_is_named(text: str, fault: str) -> None:
    with pytest.raises(DataError, match=re.escape(fault)):
        parse_forest(["(N rain)", text])
