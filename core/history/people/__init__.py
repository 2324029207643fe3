"""People: accounts, sessions, groups, and who is acting now."""
