"""What answers tell about a model, and trials about settings: pure functions on values."""
