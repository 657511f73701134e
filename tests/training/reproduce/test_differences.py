"""Differences of metrics to the bit, and of what is around a run."""

from math import nan, nextafter

from seqlab.training.reproduce import Difference, metric_differences, setting_differences


def test_metrics_differ_by_a_bit_and_by_being_there() -> None:
    there = {"test": {"f1": 0.5, "per_type": {"A": {"support": 3}}, "nan": nan}, "training": {"monitor": "m"}}
    assert metric_differences(there, there) == []
    here = {"test": {"f1": nextafter(0.5, 1), "nan": nan}, "training": {"monitor": "m"}, "val": {"f1": 1.0}}
    assert metric_differences(there, here) == [
        Difference("test/f1", 0.5, nextafter(0.5, 1)),
        Difference("test/per_type/A/support", 3, None),
        Difference("val/f1", None, 1.0),
    ]


def test_versions_threads_machine_and_code_are_compared() -> None:
    there = {
        "seqlab": "1", "python": "3.11", "platform": "x", "cpu": "c", "accelerator": "cpu", "n_threads": 1,
        "packages": {"torch": "2.6", "numpy": "2"}, "git": {"commit": "a" * 40, "is_clean": True}, "command": ["a"],
    }  # fmt: skip
    here = {**there, "n_threads": 2, "packages": {"torch": "2.7", "numpy": "2"}, "git": None, "command": ["b"]}
    assert setting_differences(there, there) == []
    assert setting_differences(there, here) == [
        Difference("n_threads", 1, 2),
        Difference("torch", "2.6", "2.7"),
        Difference("git commit", "a" * 12, None),
    ]


def test_compilers_and_kernels_that_both_sides_record_are_compared() -> None:
    gcc = {"compiler": "/usr/bin/cc", "version": "gcc 12", "flags": "-O3"}
    there = {"c_compiler": gcc, "kernels": {"recurrences": "compiled: -O3", "CRFs": "compiled: -O3"}}
    assert setting_differences(there, there) == []
    here = {
        "c_compiler": {**gcc, "compiler": None, "version": None},
        "kernels": {"recurrences": "PyTorch: no C compiler found"},
    }
    assert setting_differences(there, here) == [
        Difference("C compiler version", "gcc 12", None),
        Difference("kernel for recurrences", "compiled: -O3", "PyTorch: no C compiler found"),
    ]
    assert setting_differences(there, {"c_compiler": gcc}) == []
