"""The API: what commands print with `--json`, over HTTP, and what they do about runs and jobs.

Each operation is one line in `reading.OPERATIONS` or `acting.OPERATIONS`: its path, who may, the function
that answers, the schema of the answer, and what it takes. Routes and the OpenAPI document are made from them.
"""

__all__ = ["downloads", "of_runs", "routes"]
