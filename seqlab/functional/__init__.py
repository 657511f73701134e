"""Pure functions on tensors: padding, recurrences, lattices of labels, and the layers of dropout."""
