"""Signals that agents send each other."""
