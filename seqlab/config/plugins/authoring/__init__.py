"""Tools for plugin authors: a new plugin from a template, and checks of installed ones."""

from seqlab.config.plugins.authoring.check import Report, examine
from seqlab.config.plugins.authoring.check_options import Finding
from seqlab.config.plugins.authoring.new import KINDS, start_plugin

__all__ = ["KINDS", "Finding", "Report", "examine", "start_plugin"]
