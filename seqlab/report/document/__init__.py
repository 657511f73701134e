"""A report as a value, and the three ways to write it: one model, so that no format says what another does not."""
