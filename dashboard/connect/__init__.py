"""The page from which an agent comes in: a token for it, and the lines that use it."""
