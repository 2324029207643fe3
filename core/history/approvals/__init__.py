"""Requests for approval in SQL: intents, ends, effects, and the repair of what a crash left."""
