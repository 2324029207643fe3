"""The record by content: a page to search it, and what is found as a file."""
