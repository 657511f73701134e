"""Checkpoints: written atomically, checked before use, resumed from."""

from seqlab.training.checkpoints.files import BEST, LAST, CheckpointFiles, newest_in
from seqlab.training.checkpoints.origin import origin_of
from seqlab.training.checkpoints.resume import check_scored, resume_from

__all__ = ["BEST", "LAST", "CheckpointFiles", "check_scored", "newest_in", "origin_of", "resume_from"]
