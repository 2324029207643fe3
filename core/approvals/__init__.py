"""Requests for approval: what they are, how they are decided and waited for."""
