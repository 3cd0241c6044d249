"""What commands ask, as functions that return the answers: also for agents, through `jobfile mcp`."""
