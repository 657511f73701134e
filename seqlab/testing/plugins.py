"""The contract of plugins."""

from seqlab.config.plugins.authoring import examine


class PluginContract:
    """Subclass it as `Test…` in the tests of an installed plugin, and set its name."""

    name: str

    def test_the_examination_finds_no_error(self) -> None:
        (report,) = examine([self.name])
        assert not report.is_broken, "\n".join(report.lines())
