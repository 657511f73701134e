"""No kernel reads or writes outside its arrays, or relies on undefined behaviour."""

from pathlib import Path

import pytest

from seqlab.testing.sanitizers import run_sanitized, sanitizer_runtime

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sanitizer_runtime() is None, reason="no compiler with AddressSanitizer is installed"),
]
BAD = """
#include <stdlib.h>
#include "layout.h"
typedef struct {{ int64_t n; }} Bad;
LAYOUT(Bad, n);
int seqlab_bad(const Bad *p)
{{
    int *x = calloc(p->n, sizeof *x);
    {fault};
    int found = x[0] + 1;
    free(x);
    return found;
}}
"""
SCRIPT = """
import sys
from pathlib import Path
from seqlab.functional.native import Library
Library(Path(sys.argv[1]), work="nothing", structures=["Bad"]).run("seqlab_bad", "Bad", [4], {})
"""
FAULTS = {
    "none": ("x[p->n - 1] = 1", None),
    "overflow": ("x[p->n] = 1", "AddressSanitizer: heap-buffer-overflow"),
    "undefined": ("x[1] = 2147483647; x[1] += (int)p->n", "runtime error: signed integer overflow"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_sanitizers_report_faults_and_nothing_else(fault: str, tmp_path: Path) -> None:
    line, report = FAULTS[fault]
    source, script = tmp_path / "bad.c", tmp_path / "script.py"
    source.write_text(BAD.format(fault=line), encoding="utf-8")
    script.write_text(SCRIPT, encoding="utf-8")
    done = run_sanitized(script, str(source), cache=tmp_path)
    assert (done.returncode == 0) == (report is None), done.stderr
    assert (report or "") in done.stderr


def test_the_kernels_are_clean(tmp_path: Path) -> None:
    done = run_sanitized(Path(__file__).with_name("exercise_kernels.py"), cache=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
