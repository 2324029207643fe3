"""Pages of requests for approval."""
