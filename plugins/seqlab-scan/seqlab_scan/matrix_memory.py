"""The memory of the mLSTM over whole sequences, in parallel within chunks of steps (Beck et al. 2024, equations 19 to 27).

    C_t = f_t C_{t-1} + i_t k_t v_t^T      n_t = f_t n_{t-1} + i_t k_t      h_t = C_t^T q_t / max(|n_t q_t|, 1)

i and f are exponentials, so C and n are kept divided by exp(m): m_t = max(log f_t + m_{t-1}, log i_t), and the 1 is exp(-m_t).
n is one more column of C: that of a value which is always 1.

Let b_t be the sum of log f from a chunk's start to t. A step s of the chunk enters h_t and C_t with the weight
exp(log i_s - b_s - r_t), and the memory before the chunk with exp(m - r_t), where r_t is the largest of m and of all
log i_s - b_s up to t, and m_t = b_t + r_t. So a chunk is a few matrix products, and only its end is handed on step by step.
Numbers kept for T steps in chunks of L: T L of weights, and T / L matrices.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.functional.native import Operator

CLOSED = -1e30
"""The logarithm of an input gate that lets nothing in: finite, since the difference of two infinities is not a number."""
_SMALLEST_EXPONENT = -80.0
"""Below exp(-80), a divisor would leave the range of float32."""


class Memory(NamedTuple):
    """C with n as its last column, and m."""

    matrix: Float[Tensor, "*lead key value"]
    log_scale: Float[Tensor, "*lead"]


def read_out(products: Float[Tensor, "*lead value"], log_scale: Float[Tensor, "*lead"]) -> Float[Tensor, "*lead unit"]:
    """Return h from the products of a query with C and n, the last column, both divided by exp(log_scale)."""
    values, weight = products[..., :-1], products[..., -1:]
    # Without the clamp exp(-m) could overflow, and its gradient would be infinity times 0.
    least = torch.exp((-log_scale).clamp(_SMALLEST_EXPONENT, -_SMALLEST_EXPONENT)).unsqueeze(-1)
    return values / torch.maximum(weight.abs(), least)


def with_weight(values: Float[Tensor, "*lead unit"]) -> Float[Tensor, "*lead value"]:
    """Return the values with a last column of ones, whose sum is n."""
    return torch.nn.functional.pad(values, (0, 1), value=1.0)


def scan_matrix(
    queries: Float[Tensor, "sequence time key"],
    keys: Float[Tensor, "sequence time key"],
    values: Float[Tensor, "sequence time unit"],
    log_input: Float[Tensor, "sequence time"],
    log_forget: Float[Tensor, "sequence time"],
    *,
    first: Memory,
    chunk_steps: int,
) -> tuple[Float[Tensor, "sequence time unit"], Memory]:
    """Return h of every step, and the memory before the first chunk and after each: (sequence chunk+1 …).

    The last chunk is filled up with steps that change nothing.
    """
    hidden, memories, scales = _OPERATOR(queries, keys, values, log_input, log_forget, *first, chunk_steps)
    return hidden, Memory(memories, scales)


def _scan(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    log_input: Tensor,
    log_forget: Tensor,
    matrix: Tensor,
    log_scale: Tensor,
    chunk_steps: int,
) -> tuple[Tensor, Tensor, Tensor]:
    n_steps = queries.shape[1]
    queries, keys, values = (_in_chunks(x, chunk_steps) for x in (queries, keys, with_weight(values)))
    decay = _in_chunks(log_forget, chunk_steps).cumsum(-1)
    entered = _in_chunks(log_input, chunk_steps, fill=CLOSED) - decay
    highest = entered.cummax(-1).values
    scales = _scales(decay[..., -1], highest[..., -1], log_scale)
    highest = torch.maximum(highest, scales[:, :-1, None])
    before = torch.exp(scales[:, :-1, None] - highest)
    memories = _memories(before[..., -1], _summed(keys, values, entered - highest[..., -1:]), matrix)
    weights = torch.exp((entered.unsqueeze(-2) - highest.unsqueeze(-1)).masked_fill(_is_later(chunk_steps, keys), -torch.inf))
    within = (queries @ keys.transpose(-1, -2) * weights) @ values
    products = torch.addcmul(within, before.unsqueeze(-1), queries @ memories[:, :-1])
    return read_out(products, decay + highest).flatten(1, 2)[:, :n_steps], memories, scales


def _shapes(queries: Tensor, keys: Tensor, values: Tensor, *others: Any) -> tuple[Tensor, Tensor, Tensor]:
    *_, matrix, _, chunk_steps = others
    lead = (matrix.shape[0], (queries.shape[1] + chunk_steps - 1) // chunk_steps + 1)  # memories of each sequence
    return torch.empty_like(values), values.new_empty(*lead, *matrix.shape[1:]), values.new_empty(lead)


# Captured whole, since its loops over chunks would be unrolled for one number of steps.
_OPERATOR = Operator(
    "scan_matrix",
    "Tensor queries, Tensor keys, Tensor values, Tensor log_input, Tensor log_forget, Tensor matrix, Tensor log_scale, "
    "int chunk_steps",
    _scan,
    shapes=_shapes,
    n_outputs=3,
)


def _in_chunks(values: Tensor, chunk_steps: int, *, fill: float = 0.0) -> Tensor:
    """Return (sequence chunk step …) of (sequence time …)."""
    padding = [0, 0] * (values.dim() - 2) + [0, -values.shape[1] % chunk_steps]
    padded = torch.nn.functional.pad(values, padding, value=fill)
    return torch.unflatten(padded, 1, (padded.shape[1] // chunk_steps, chunk_steps))


def _scales(decay: Tensor, highest: Tensor, first: Tensor) -> Tensor:
    """Return m before the first chunk and after each; one after another, since a sum over all would lose digits."""
    scales = [first]
    for one_decay, one_highest in zip(decay.unbind(1), highest.unbind(1), strict=True):
        scales.append(one_decay + torch.maximum(scales[-1], one_highest))
    return torch.stack(scales, 1)


def _summed(keys: Tensor, values: Tensor, log_weights: Tensor) -> Tensor:
    """Return the weighted sum of k v^T of each chunk."""
    return (keys * log_weights.exp().unsqueeze(-1)).transpose(-1, -2) @ values


def _memories(kept: Tensor, entered: Tensor, first: Tensor) -> Tensor:
    """Return C before the first chunk and after each."""
    memories = [first]
    for share, fresh in zip(kept[..., None, None].unbind(1), entered.unbind(1), strict=True):
        memories.append(torch.addcmul(fresh, share, memories[-1]))
    return torch.stack(memories, 1)


def _is_later(n_steps: int, like: Tensor) -> Tensor:
    """Return whether column s comes after row t."""
    return torch.ones(n_steps, n_steps, dtype=torch.bool, device=like.device).triu(1)
