"""The name both ends of the relay know."""

STREAM = "bench:relay"
