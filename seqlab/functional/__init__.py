"""Sums and searches over lattices of labels: pure functions on tensors."""
