"""Calls of language models: what they cost, what was saved, and how they reach every total."""
