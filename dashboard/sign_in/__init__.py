"""Signing in and out, and what everybody may do to their own account."""
