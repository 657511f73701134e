"""Error analysis of predictions, and statistics over trials: pure functions on values."""
