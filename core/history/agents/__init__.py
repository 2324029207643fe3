"""Agents in SQL: their runs, and what is known of one from before."""
