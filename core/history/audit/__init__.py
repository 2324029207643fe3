"""The record: entries, the chain between them, and what keeps others from changing it."""
