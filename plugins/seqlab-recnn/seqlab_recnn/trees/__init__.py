"""Trees over words: their shapes, and the notations that they come in."""
