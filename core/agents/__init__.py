"""Agents: their heartbeat, the process behind it, and all that is known of one at a moment."""
