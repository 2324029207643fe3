"""Telling people outside of the browser that something waits for them."""
