"""The report on many runs: a folder of runs, repetitions of one run, or the study of a sweep."""
