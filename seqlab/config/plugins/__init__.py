"""What brings options: seqlab itself, and plugins, found by entry point and without importing any of them."""

from seqlab.config.plugins.discovery import Discovery, discover, providers
from seqlab.config.plugins.plugin import Installed, LeftOut, Plugin

__all__ = ["Discovery", "Installed", "LeftOut", "Plugin", "discover", "providers"]
