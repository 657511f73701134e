"""Compositions: the state of a node from the states of its children."""
