"""All that a trial loads, imported once in the process that trials are forked off; nothing here runs or starts a thread."""

from importlib import import_module

from seqlab.config.build import known_targets
from seqlab.config.compose import register_search_path

for name in ("cli.results", "data.readers", "inference", "training", "training.callbacks"):
    import_module(f"seqlab.{name}")
for name in ("reporting", "worker"):
    import_module(f"seqlab_sweep.{name}")
register_search_path()  # Hydra imports its plugins, seqlab reads those of its own
known_targets()
