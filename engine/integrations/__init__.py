"""External programs that jobfile talks to: editors, agents and forges."""

__all__ = ["forge", "lsp", "mcp", "mcp_http", "mcp_results", "mcp_tools"]
