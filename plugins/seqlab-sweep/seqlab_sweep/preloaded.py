"""Imports that the fork server makes once for all trials. Must not start threads, because threads do not survive a fork."""

from importlib import import_module

from seqlab.config.build import known_targets
from seqlab.config.compose import register_search_path

for name in ("cli.results", "data.readers", "inference", "training", "training.callbacks"):
    import_module(f"seqlab.{name}")
for name in ("reporting", "worker"):
    import_module(f"seqlab_sweep.{name}")
register_search_path()  # makes Hydra import its plugins and seqlab read its own
known_targets()
