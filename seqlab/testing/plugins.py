"""What every plugin promises."""

from seqlab.config.plugins.authoring import examine


class PluginContract:
    """Subclass it as `Test…` in the tests of a plugin that is installed, and say its name."""

    name: str

    def test_the_examination_finds_no_error(self) -> None:
        (report,) = examine([self.name])
        assert not report.is_broken, "\n".join(report.lines())
