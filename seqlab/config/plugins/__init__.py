"""Providers of options: seqlab itself, and plugins, which are found by entry point without importing them."""

from seqlab.config.plugins.discovery import Discovery, discover, providers
from seqlab.config.plugins.plugin import Installed, LeftOut, Plugin

__all__ = ["Discovery", "Installed", "LeftOut", "Plugin", "discover", "providers"]
