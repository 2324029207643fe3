"""Automated work in SQL, and the reports on it."""
