"""The database below: where it is, its locks, its troubles, its file."""
