"""Draw the gates, states and influence of a recurrent model on one record, as pictures and as a page.

  seqlab inspect runs/X --text "Maria Lindqvist flew to Oslo ."
  seqlab inspect runs/X --text "…" --beside runs/Y runs/Z       compare with the influence of the first step in other models
  seqlab inspect runs/X --record '{"frames": [[0.1, 1.0], …]}'  a record with any columns that the model reads

FOLDER (default: inspection) gets index.html (everything, works offline), a PNG for each direction of each layer (gates and
states by unit and step), influence.png (the norm of d h_t / d x_1 over t, next to an untrained rnn, lstm and gru of the same
width) and the numbers in traces.safetensors. Needs matplotlib: pip install 'seqlab[plots]'.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqlab.cli.inputs import add_allow, add_command, add_model
from seqlab.errors import ConfigError, DataError


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(commands, "inspect", run, summary="draw gates, states and influence of a record", description=__doc__)
    add_model(parser)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--text", help="the record as text")
    source.add_argument("--record", metavar="JSON", help="the record as a JSON object, or a list of tokens")
    parser.add_argument("--beside", metavar="MODEL", type=Path, nargs="+", default=[], help="models to compare with")
    parser.add_argument("-o", "--output", metavar="FOLDER", type=Path, default=Path("inspection"), help="folder to write")
    add_allow(parser)


def run(options: argparse.Namespace) -> int:
    """Write the pictures and print their paths."""
    from seqlab.cli.tables import print_rows
    from seqlab.inference.tagger import Tagger
    from seqlab.report import inspect, mean_gates, write_inspection

    item = options.text if options.text is not None else _record(options.record)
    if options.output.exists() and not options.output.is_dir():
        raise ConfigError(f"--output {options.output} is a file; expected a folder")
    tagger = Tagger.load(options.model, allow=options.allow)
    beside = {str(path): Tagger.load(path, allow=options.allow) for path in options.beside}
    found = inspect(tagger, item, name=str(options.model), beside=beside)
    paths = write_inspection(found, options.output, name=str(options.model))
    # How open each gate is, on average over units and steps.
    means = [{gate: f"{sum(values) / len(values):.2f}" for gate, values in mean_gates(one).items()} for one in found.traces]
    gates = list(dict.fromkeys(gate for of_one in means for gate in of_one))
    rows = [
        [one.layer, one.reading, *(of_one.get(gate, "") for gate in gates)]
        for one, of_one in zip(found.traces, means, strict=True)
    ]
    if gates:
        print_rows(("layer", "direction", *gates), rows, texts=("layer", "direction"))
        print()
    for path in paths:
        print(path)
    return 0


def _record(text: str) -> Mapping[str, Any] | list[str]:
    try:
        record: Any = json.loads(text)
    except ValueError as error:
        raise DataError(f"--record is not JSON ({error}); expected an object with the columns that the model reads") from error
    if not isinstance(record, dict | list):
        raise DataError(f"--record is {record!r:.40}; expected a JSON object, or a list of tokens")
    return record
