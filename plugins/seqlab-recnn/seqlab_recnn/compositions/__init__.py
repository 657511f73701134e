"""How the state of a node follows from those of its children."""
