"""Data: records, the fields that encode them, and batches."""
