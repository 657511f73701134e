"""Exceptions of seqlab: every mistake a user can make arrives as one of these, never as a traceback."""


class SeqlabError(Exception):
    """Base of all errors that the user can mend; its message says what is wrong, where, and what to do."""


class DataError(SeqlabError):
    """A file, record or column is not what it should be; the message starts with ``path:line`` where there is one."""


class ConfigError(SeqlabError):
    """A setting has a value that cannot work; the message names the setting and the values that would."""


class PluginError(SeqlabError):
    """An installed plugin is broken or clashes; the message names its distribution, version and path."""


class BundleError(SeqlabError):
    """A saved model cannot be loaded as it is; the message names the file and what it lacks."""
