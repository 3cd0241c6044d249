"""External programs that jobfile talks to: editors, agents, forges and collectors of traces."""

__all__ = ["forge", "lsp", "mcp", "mcp_http", "mcp_results", "mcp_tools", "otel"]
