"""For those who write plugins: a new one from a template, and the examination of those that are installed."""

from seqlab.config.plugins.authoring.check import Finding, Report, examine
from seqlab.config.plugins.authoring.new import KINDS, start_plugin

__all__ = ["KINDS", "Finding", "Report", "examine", "start_plugin"]
