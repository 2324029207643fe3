"""The MCP server of the site: agents of any client ask people by calling a tool."""
