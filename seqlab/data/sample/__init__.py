"""Sample corpora generated from a seed: sentences, requests, reviews, pairs of claims, speech and weather.

Baselines on the test splits with the sizes and seed in ``conf/data`` (``benchmarks/sample_baselines.py``):

    sample          tags      span F1     majority 0.00   word lookup 0.32
                    upos      accuracy    majority 0.31   word lookup 0.98
                    segments  accuracy    majority 0.48   word lookup 0.93   naive Bayes 0.96
                    label     accuracy    majority 0.43   word lookup 0.47   naive Bayes 0.92
    sample_intents  tags      span F1     majority 0.00   word lookup 0.46
                    label     accuracy    majority 0.16   word lookup 0.71   naive Bayes 0.98
    sample_trees    label     accuracy    majority 0.36   word lookup 0.36   naive Bayes 0.49
                    tree      accuracy    majority 0.55   summed words 0.82 (at the root 0.38)
    sample_frames   labels    error rate  majority 0.94   nearest mean 0.35
    sample_weather  tags      accuracy    majority 0.35   nearest mean 0.56
"""

from seqlab.data.sample.adding import AddingReader
from seqlab.data.sample.reader import SampleReader

__all__ = ["AddingReader", "SampleReader"]
