"""Django's backend for SQLite, made to read what was damaged."""
