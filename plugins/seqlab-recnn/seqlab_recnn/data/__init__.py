"""Trees as a column of records: where they come from, and the tensors that encoders and heads read."""
