"""Training in several processes: what heads count is counted by each of them apart."""

import torch.distributed
from torch import Tensor


def add_up_processes_(counts: Tensor) -> None:
    """Replace the counts by those of all processes that train together; nothing where there is one."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(counts)
