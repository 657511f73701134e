"""Sweeps for seqlab: trials in processes of their own, pruned by the epoch, in a study that outlives its command."""
