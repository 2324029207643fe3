"""Backups, restores, and the way from one database to another."""
