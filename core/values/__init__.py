"""Checked values: JSON, numbers, names, text and records, from outside and from Redis."""
