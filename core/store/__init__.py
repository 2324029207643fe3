"""Redis, and nothing else: connections, keys, scripts and the embedded server."""
