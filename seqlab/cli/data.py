"""`seqlab data check` and `seqlab data convert`: validate data files, and convert between formats."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from seqlab.cli.inputs import add_command, add_set
from seqlab.errors import ConfigError

CHECK = """Report faults as path:line, the tagging scheme, labels, lengths, and records that occur in several files.

Exit status: 0 without errors, 1 with errors, 2 if a file cannot be read.
"""
CONVERT = "Convert the records of IN to another format or span scheme; whatever is lost is listed on stderr."
_N_SHOWN = 5
_TOOLS = "label_studio, doccano, prodigy, brat, spacy, spacy_json, offsets_csv"
_FORMATS = f"conll, conllu, jsonl, lines, csv, parquet, frames, trees; of annotation tools: {_TOOLS}"


def add_parser(commands: Any) -> None:
    """Add the command `data` with its actions."""
    parser = add_command(commands, "data", None, summary="check and convert data files", description=None)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _add_check(add_command(actions, "check", check, summary="validate data files", description=CHECK))
    _add_convert(add_command(actions, "convert", convert, summary="convert between formats", description=CONVERT))


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="file, or folder of data files or parallel files")
    text = f"{_FORMATS}, or an option of conf/data of a plugin (default: detected)"
    parser.add_argument("--format", metavar="NAME", help=text)
    parser.add_argument("--scheme", help="expected span scheme of the tags (default: detected)")
    add_set(parser)
    meant = "accept partially annotated steps (_, B-PER|B-ORG), which head=[crf_partial] learns from"
    parser.add_argument("--partial", action="store_true", help=meant)
    parser.add_argument(
        "--all", action="store_true", help=f"show everything, not {_N_SHOWN} errors and warnings of each kind per file"
    )
    parser.add_argument("--strict", action="store_true", help="exit with 1 for warnings too")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def _add_convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", type=Path, metavar="IN", help="file, or folder of parallel files")
    parser.add_argument("output", nargs="?", metavar="OUT", help="file or folder to write, after IN; - for stdout")
    parser.add_argument("-o", "--output", dest="output_option", metavar="OUT", help="the same, as an option")
    parser.add_argument("--format", "--from", dest="source_format", metavar="NAME", help=f"{_FORMATS} (default: detected)")
    parser.add_argument(
        "--to", dest="target_format", help=f"conll, conllu, jsonl, lines, {_TOOLS} (default: by the extension of OUT)"
    )
    parser.add_argument("--scheme-from", help="span scheme of IN's tags (default: detected)")
    parser.add_argument("--scheme-to", help="span scheme of the output (default: unchanged)")
    parser.add_argument("--columns", default="tokens,tags", help="columns of a conll file (default: %(default)s)")
    add_set(parser)


def check(arguments: argparse.Namespace) -> int:
    """Validate the files; return 1 if there are errors (with --strict: any findings), else 0."""
    from seqlab.cli.tables import table_console
    from seqlab.data.doctor import examine, find_leaks, format_of
    from seqlab.data.doctor.display import as_json, print_reports
    from seqlab.data.doctor.formats import files_in

    paths = [path for given in arguments.paths for path in files_in(given)]
    settings = {"overrides": arguments.set, "scheme": arguments.scheme, "is_partial": arguments.partial}
    reports = [examine(path, format_name=arguments.format or format_of(path), **settings) for path in paths]
    leaks = list(find_leaks(reports))
    if arguments.json:
        print(json.dumps(as_json(reports, leaks), ensure_ascii=False, indent=2))
    else:
        print_reports(reports, leaks, console=table_console(), max_shown=None if arguments.all else _N_SHOWN)
    has_errors = any(report.n_errors for report in reports)
    has_findings = bool(leaks) or any(report.findings for report in reports)
    return int(has_errors or (arguments.strict and has_findings))


def convert(arguments: argparse.Namespace) -> int:
    """Convert one file, and list what was lost."""
    from seqlab.data.convert import convert_file
    from seqlab.data.doctor import format_of
    from seqlab.data.writers import WRITERS

    given = [output for output in (arguments.output, arguments.output_option) if output is not None]
    if len(given) != 1:
        raise ConfigError(f"OUT is given {len(given)} times; expected once: a path, or - for standard output")
    target: str = given[0]
    if target != "-" and Path(target).exists() and arguments.input.exists() and Path(target).samefile(arguments.input):
        raise ConfigError(f"{target} is the input; write to a different path")
    target_format: str = arguments.target_format or Path(target).suffix.removeprefix(".")
    if target_format not in WRITERS:
        raise ConfigError(f"target format is {target_format!r}; expected --to with one of {', '.join(WRITERS)}")
    losses = convert_file(
        arguments.input,
        sys.stdout.write if target == "-" else Path(target),
        source_format=arguments.source_format or format_of(arguments.input),
        target_format=target_format,
        source_scheme=arguments.scheme_from,
        target_scheme=arguments.scheme_to,
        overrides=arguments.set,
        columns=arguments.columns.split(","),
    )
    for loss in losses:
        print(f"note: {loss}", file=sys.stderr)
    return 0
