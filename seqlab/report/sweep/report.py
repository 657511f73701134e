"""The report on a study or a folder of runs."""

from collections.abc import Sequence

from seqlab.report.analysis.trials import Study
from seqlab.report.document.model import Column, Document, Section, Table
from seqlab.report.sweep.pictures import curves_section, fronts_section, importance_rows, importance_section, parallel_section
from seqlab.report.sweep.results import failed_section, groups_section, pruned_section, trials_section


def study_report(study: Study, *, first: Sequence[Section] = ()) -> Document:
    """Report on a study, with the sections `first` after the facts.

    Sections without content (fronts, pruned or failed trials) are omitted.
    """
    importance = importance_rows(study)
    sections = [
        Section("Summary", [Table([Column("fact"), Column("value")], study.facts)]),
        *first,
        groups_section(study),
        trials_section(study),
        importance_section(study, importance),
        parallel_section(study, importance),
        fronts_section(study),
        curves_section(study),
        pruned_section(study),
        failed_section(study),
    ]
    return Document(f"Sweep {study.name}", [section for section in sections if section is not None])
