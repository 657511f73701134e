"""`seqlab data check` and `seqlab data convert`: what is in data files, what is wrong with them, and other formats."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

_N_WARNINGS_SHOWN = 5


def add_parser(commands: Any) -> None:
    """Add the command `data` with its actions."""
    parser = commands.add_parser("data", help="check and convert data files", allow_abbrev=False)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _add_check(actions)
    _add_convert(actions)


def _add_check(actions: Any) -> None:
    text = "Tell every fault by path:line, the tagging scheme, labels, lengths, and records that files share."
    parser = actions.add_parser(
        "check",
        help="examine data files",
        description=text,
        epilog="Exit status: 0 without errors, 1 with some, 2 where a file cannot be read at all.",
        allow_abbrev=False,
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="file, or folder of parallel or data files")
    parser.add_argument("--format", help="conll, conllu, jsonl, lines, csv or parquet (default: by content)")
    parser.add_argument("--scheme", help="span scheme that the tags should be in (default: detected)")
    _add_set(parser)
    meant = "steps annotated in part (_, B-PER|B-ORG) are meant, as head=[crf_partial] learns from them"
    parser.add_argument("--partial", action="store_true", help=meant)
    parser.add_argument("--all", action="store_true", help=f"all warnings, not {_N_WARNINGS_SHOWN} of each kind a file")
    parser.add_argument("--strict", action="store_true", help="exit 1 for warnings too")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.set_defaults(run=check)


def _add_convert(actions: Any) -> None:
    text = "Write the records of IN in another format or span scheme; what is lost is told on standard error."
    parser = actions.add_parser("convert", help="convert between formats", description=text, allow_abbrev=False)
    parser.add_argument("input", type=Path, metavar="IN", help="file, or folder of parallel files")
    parser.add_argument("output", nargs="?", metavar="OUT", help="file or folder to write, right after IN; -: standard output")
    parser.add_argument("-o", "--output", dest="output_option", metavar="OUT", help="the same, anywhere")
    parser.add_argument("--from", dest="source_format", help="format of IN (default: by content)")
    parser.add_argument("--to", dest="target_format", help="conll, conllu, jsonl or lines (default: by OUT's suffix)")
    parser.add_argument("--scheme-from", help="span scheme of IN's tags (default: detected)")
    parser.add_argument("--scheme-to", help="span scheme to write them in (default: as they are)")
    parser.add_argument("--columns", default="tokens,tags", help="columns of a conll file (default: %(default)s)")
    _add_set(parser)
    parser.set_defaults(run=convert)


def _add_set(parser: argparse.ArgumentParser) -> None:
    text = "change a setting of the format's reader (conf/data/FORMAT.yaml), e.g. columns.tags=3; may be repeated"
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=text)


def check(arguments: argparse.Namespace) -> int:
    """Examine the files; return 1 where there are errors (with --strict: findings), else 0."""
    from seqlab.cli.score_tables import table_console
    from seqlab.data.doctor import examine, find_leaks, format_of
    from seqlab.data.doctor.display import as_json, print_reports
    from seqlab.data.doctor.formats import files_in

    reports = [
        examine(
            path,
            format_name=arguments.format or format_of(path),
            overrides=arguments.set,
            scheme=arguments.scheme,
            is_partial=arguments.partial,
        )
        for given in arguments.paths
        for path in files_in(given)
    ]
    leaks = list(find_leaks(reports))
    if arguments.json:
        print(json.dumps(as_json(reports, leaks), ensure_ascii=False, indent=2))
    else:
        print_reports(reports, leaks, console=table_console(), max_warnings=None if arguments.all else _N_WARNINGS_SHOWN)
    has_errors = any(report.n_errors for report in reports)
    has_findings = bool(leaks) or any(report.findings for report in reports)
    return int(has_errors or (arguments.strict and has_findings))


def convert(arguments: argparse.Namespace) -> int:
    """Convert one file, and tell what was lost."""
    from seqlab.data.convert import convert_file
    from seqlab.data.doctor import format_of
    from seqlab.errors import ConfigError

    target = _target(arguments)
    if target != "-" and Path(target).exists() and arguments.input.exists() and Path(target).samefile(arguments.input):
        raise ConfigError(f"{target}: is the input itself; write to another path")
    losses = convert_file(
        arguments.input,
        sys.stdout.write if target == "-" else Path(target),
        source_format=arguments.source_format or format_of(arguments.input),
        target_format=_target_format(arguments, target),
        source_scheme=arguments.scheme_from,
        target_scheme=arguments.scheme_to,
        overrides=arguments.set,
        columns=arguments.columns.split(","),
    )
    for loss in losses:
        print(f"note: {loss}", file=sys.stderr)
    return 0


def _target(arguments: argparse.Namespace) -> str:
    from seqlab.errors import ConfigError

    given = [output for output in (arguments.output, arguments.output_option) if output is not None]
    if len(given) != 1:
        raise ConfigError(f"OUT is given {len(given)} times; expected once: a path, or - for standard output")
    return str(given[0])


def _target_format(arguments: argparse.Namespace, target: str) -> str:
    from seqlab.data.writers import WRITERS
    from seqlab.errors import ConfigError

    found: str = arguments.target_format or Path(target).suffix.removeprefix(".")
    if found not in WRITERS:
        raise ConfigError(f"target format is {found!r}; expected --to with one of {', '.join(WRITERS)}")
    return found
