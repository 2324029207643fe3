"""The Agent Approval Protocol (agentapprovalprotocol.org), version 1: the same approvals in its own words."""
