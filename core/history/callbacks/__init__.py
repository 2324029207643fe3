"""Telling those who asked for it how a request ended, by a signed POST."""
