"""All that a trial loads, imported once in the process that trials are forked off; nothing here runs or starts a thread."""

import seqlab.callbacks
import seqlab.cli.results
import seqlab.data.readers
import seqlab.inference
import seqlab.training  # noqa: F401 (imported to be there in every fork)
import seqlab_sweep.reporting
import seqlab_sweep.worker  # noqa: F401 (as above)
from seqlab.config import known_targets, register_search_path

register_search_path()  # Hydra imports its plugins, seqlab reads those of its own
known_targets()
