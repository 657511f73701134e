"""Choose the report for a path: one run, a folder of runs, or a study."""

from collections.abc import Sequence
from pathlib import Path

from seqlab.errors import DataError
from seqlab.report.document.model import Document
from seqlab.report.run import run_report
from seqlab.report.sweep.folder import read_folder
from seqlab.report.sweep.repeats import repeats_section
from seqlab.report.sweep.report import study_report
from seqlab.report.sweep.study import read_study
from seqlab.runs.repeated_run import FinishedRepeat
from seqlab.runs.run import CONFIG, FinishedRun


def report_of(path: Path, *, n_examples: int, allow: Sequence[str] = ()) -> Document:
    """Report on the run, the folder of runs or the exported study at `path`.

    Raises: DataError if `path` is none of them.
    """
    if path.is_file():
        return study_report(read_study(path))
    # A repeated run also has a config.yaml: the settings that its repetitions share.
    if (path / CONFIG).is_file() and not FinishedRepeat.is_at(path):
        return run_report(FinishedRun(path), n_examples=n_examples, allow=allow)
    if not path.is_dir():
        raise DataError(f"{path} does not exist; expected a run, a folder of runs, or a study from `seqlab sweep export`")
    repeats = [repeats_section(FinishedRepeat(path))] if FinishedRepeat.is_at(path) else []
    return study_report(read_folder(path), first=repeats)
