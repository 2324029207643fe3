"""Agents: the page of all, the page of one, and the lines of those that need a look."""
