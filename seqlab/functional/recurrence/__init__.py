"""Recurrences over whole sequences: pure functions on tensors, each with a backward pass of its own."""
