import pytest
import torch

from seqlab.errors import ConfigError
from seqlab.heads.parts.pooling import AttentionPooling, get_pooling
from seqlab.steps import Steps

VALUES = torch.tensor([[[1.0, -5.0], [3.0, -2.0]], [[4.0, 6.0], [9.0, 9.0]], [[9.0, 9.0], [9.0, 9.0]]])
STEPS = Steps(VALUES, torch.tensor([2, 1, 0]), summary=torch.tensor([[1.0], [2.0], [3.0]]))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mean", [[2.0, -3.5], [4.0, 6.0], [0.0, 0.0]]),
        ("max", [[3.0, -2.0], [4.0, 6.0], [0.0, 0.0]]),
        ("last", [[1.0], [2.0], [3.0]]),
    ],
)
def test_pooling_takes_real_steps_only(name: str, expected: list[list[float]]) -> None:
    pooling = get_pooling(name, input_width=2, summary_width=1)
    assert pooling(STEPS).tolist() == expected
    assert pooling.output_width == len(expected[0])


def test_attention_is_the_mean_weighted_by_softmax_over_real_steps() -> None:
    pooling = get_pooling("attention", input_width=2, summary_width=1)
    assert isinstance(pooling, AttentionPooling)
    found = pooling(STEPS)
    weights = pooling.score(VALUES[0])[:, 0].softmax(0)
    torch.testing.assert_close(found[0], weights @ VALUES[0])
    torch.testing.assert_close(found[1], VALUES[1, 0])
    assert found[2].tolist() == [0.0, 0.0]


def test_a_summary_that_no_encoder_made_is_asked_for() -> None:
    with pytest.raises(ConfigError, match=r"pooling is 'last', but the encoder gives no summary; use mean"):
        get_pooling("last", input_width=2, summary_width=1)(Steps(VALUES, STEPS.lengths))


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"pooling is 'sum'; expected one of last, mean, max, ends, attention"):
        get_pooling("sum", input_width=2, summary_width=1)
