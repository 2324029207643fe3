"""The record by content: the words of requests, an index of them in each database, and what is found by it."""
