"""Requests for approval: what they are, how they are waited for."""
