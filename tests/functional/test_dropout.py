import pytest
import torch

from seqlab.errors import ConfigError
from seqlab.functional.dropout import DROPOUTS, NaiveDropout, StepDropout, VariationalDropout, bernoulli_mask, get_dropout

ONES = torch.ones(20, 30, 40)


@pytest.mark.parametrize("keep_prob", [0.1, 0.5, 0.9])
def test_mask_is_true_with_the_probability_asked_for(keep_prob: float) -> None:
    mask = bernoulli_mask((100, 1000), keep_prob=keep_prob, like=ONES)
    assert mask.dtype == torch.bool
    assert mask.float().mean().item() == pytest.approx(keep_prob, abs=0.01)


def test_mask_values_are_independent_of_their_neighbours() -> None:
    """Four values come from one draw."""
    mask = bernoulli_mask((40_000, 4), keep_prob=0.5, like=ONES).float()
    torch.testing.assert_close(torch.corrcoef(mask.T), torch.eye(4), atol=0.03, rtol=0)


@pytest.mark.parametrize("keep_prob", [1.0, 1 - 1e-7])
def test_a_probability_next_to_one_keeps_all(keep_prob: float) -> None:
    assert bernoulli_mask((1000,), keep_prob=keep_prob, like=ONES).all()


def test_a_probability_next_to_zero_keeps_nothing() -> None:
    assert not bernoulli_mask((1000,), keep_prob=1e-7, like=ONES).any()


@pytest.mark.parametrize("shape", [(), (1,), (3,), (4,), (5,), (2, 3), (0,), (0, 4)])
def test_mask_has_the_shape_asked_for(shape: tuple[int, ...]) -> None:
    assert bernoulli_mask(shape, keep_prob=0.5, like=ONES).shape == shape


def test_mask_follows_the_seed() -> None:
    masks = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        masks.append(bernoulli_mask((100,), keep_prob=0.5, like=ONES))
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


@pytest.mark.parametrize("kind", DROPOUTS)
def test_kept_values_are_scaled_so_that_the_mean_stays(kind: str) -> None:
    dropped = get_dropout(kind, drop_prob=0.25)(ONES)
    assert sorted(dropped.unique().tolist()) == pytest.approx([0.0, 4 / 3])
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("kind", DROPOUTS)
def test_nothing_is_dropped_in_evaluation_or_at_probability_zero(kind: str) -> None:
    assert torch.equal(get_dropout(kind, drop_prob=0.5).eval()(ONES), ONES)
    assert torch.equal(get_dropout(kind, drop_prob=0.0).train()(ONES), ONES)


def test_naive_drops_values_one_by_one() -> None:
    dropped = NaiveDropout(drop_prob=0.5)(ONES)
    assert not torch.equal(dropped[:, :1].expand_as(dropped), dropped)
    assert not torch.equal(dropped[..., :1].expand_as(dropped), dropped)


def test_variational_drops_features_in_all_steps_of_a_record() -> None:
    dropped = VariationalDropout(drop_prob=0.5)(ONES)
    assert torch.equal(dropped[:, :1].expand_as(dropped), dropped)
    assert not torch.equal(dropped[:1].expand_as(dropped), dropped)


def test_step_drops_whole_steps() -> None:
    dropped = StepDropout(drop_prob=0.5)(ONES)
    assert torch.equal(dropped[..., :1].expand_as(dropped), dropped)
    assert not torch.equal(dropped[:, :1].expand_as(dropped), dropped)


@pytest.mark.parametrize("kind", DROPOUTS)
def test_gradient_passes_where_values_do(kind: str) -> None:
    values = torch.randn(4, 5, 6).requires_grad_()
    dropped = get_dropout(kind, drop_prob=0.5)(values)
    dropped.sum().backward()
    torch.testing.assert_close(values.grad * values, dropped)


@pytest.mark.parametrize("drop_prob", [-0.1, 1.0, 1.5])
@pytest.mark.parametrize("kind", DROPOUTS)
def test_a_probability_out_of_range_is_refused(kind: str, drop_prob: float) -> None:
    with pytest.raises(ConfigError, match=rf"dropout is {drop_prob}; expected a probability"):
        get_dropout(kind, drop_prob=drop_prob)


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"dropout kind is 'zoneout'; expected one of naive, variational, step"):
        get_dropout("zoneout", drop_prob=0.5)
