import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.functional.linear_chain import Chain, Stretches, span_probabilities

pytestmark = pytest.mark.usefixtures("lattice_code")

CASES = {
    "seed": st.integers(0, 2**32 - 1),
    "lengths": st.lists(st.integers(0, 5), min_size=1, max_size=4),
    "n_tags": st.integers(1, 4),
    "scale": st.sampled_from([0.1, 1.0, 10.0, 300.0, 10_000.0]),
    "forbidden_prob": st.sampled_from([0.0, 0.3, 0.7]),
    "forbidden_score": st.sampled_from([-math.inf, -10_000.0]),
    "n_padding": st.integers(0, 2),
}


def drawn(chain: Chain, seed: int) -> tuple[torch.Tensor, Stretches, torch.Tensor]:
    """Return tags, all stretches of all records, and which pairs of tags go on."""
    generator = torch.Generator().manual_seed(seed)
    n_tags = len(chain.start)
    tags = torch.randint(n_tags, chain.emissions.shape[:2], generator=generator)
    places = [
        (record, start, end)
        for record, length in enumerate(chain.lengths.tolist())
        for start in range(length)
        for end in range(start + 1, length + 1)
    ]
    records, starts, ends = torch.tensor(places, dtype=torch.long).view(-1, 3).T
    return tags, Stretches(records, starts, ends), torch.rand(n_tags, n_tags, generator=generator) < 0.4


def assert_are_those_of_all_paths(chain: Chain, enumerated: Callable, seed: int) -> None:
    tags, spans, goes_on = drawn(chain, seed)
    found = span_probabilities(chain, tags, spans, goes_on=goes_on)
    everything = enumerated(chain)
    for record, start, end, prob in zip(spans.records.tolist(), spans.starts.tolist(), spans.ends.tolist(), found, strict=True):
        paths = everything[record].paths
        agrees = (paths[:, start:end] == tags[record, start:end]).all(1)
        if start:
            agrees &= ~goes_on[paths[:, start - 1], paths[:, start]]
        if end < paths.shape[1]:
            agrees &= ~goes_on[paths[:, end - 1], paths[:, end]]
        expected = everything[record].probabilities[agrees].sum()
        torch.testing.assert_close(prob, expected, rtol=1e-9, atol=1e-12)


@settings(max_examples=60)
@given(**CASES)
def test_they_are_those_of_all_paths(enumerated, random_chain, seed, **kinds) -> None:
    assert_are_those_of_all_paths(random_chain(seed, **kinds), enumerated, seed)


@pytest.mark.slow
@settings(max_examples=2000)
@given(**CASES)
def test_2000_cases_are_those_of_all_paths(enumerated, random_chain, seed, **kinds) -> None:
    assert_are_those_of_all_paths(random_chain(seed, **kinds), enumerated, seed)


def test_padding_and_batch_mates_change_nothing(random_chain) -> None:
    chain = random_chain(5, lengths=[4, 2], n_tags=3)
    tags, spans, goes_on = drawn(chain, 1)
    expected = span_probabilities(chain, tags, spans, goes_on=goes_on)
    emissions = chain.emissions.masked_fill(~chain.mask[..., None], torch.nan)
    more = torch.full((2, 3, 3), torch.inf, dtype=torch.float64)
    padded = Chain(torch.cat([emissions, more], 1), chain.lengths, chain.transitions, chain.start, chain.end)
    longer = torch.cat([tags, tags[:, :3]], 1)
    torch.testing.assert_close(span_probabilities(padded, longer, spans, goes_on=goes_on), expected, rtol=0, atol=1e-12)


def test_no_span_no_probability(random_chain) -> None:
    chain = random_chain(5, lengths=[4, 2], n_tags=3)
    none = torch.zeros(0, dtype=torch.long)
    found = span_probabilities(chain, torch.zeros(2, 4).long(), Stretches(none, none, none), goes_on=torch.ones(3, 3).bool())
    assert found.shape == (0,)
