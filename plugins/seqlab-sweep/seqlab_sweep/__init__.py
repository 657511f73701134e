"""Sweeps for seqlab: each trial is a process, may be pruned after any epoch, and belongs to a study that can be resumed."""
