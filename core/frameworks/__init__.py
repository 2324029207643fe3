"""Frameworks of agents, each in a module that is imported only by who uses it: docs/agents/frameworks.md."""
