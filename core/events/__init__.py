"""Events: reading one, following many, and those of one agent."""
