"""What SQL keeps for the Agent Approval Protocol beside the approvals themselves."""
