"""Coding agents on this machine: the hook that asks for them, and the command that sets it up and takes it back."""
