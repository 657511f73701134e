"""Trees over words, their notations and changes of their shape."""
