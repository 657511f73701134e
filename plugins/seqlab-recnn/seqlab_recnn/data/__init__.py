"""Trees as a column of records: sources, readers, fields and tensors."""
