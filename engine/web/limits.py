"""Every limit of the page and the API."""

from typing import Final

MAX_BODY_BYTES: Final = 256 * 1024
MAX_HEADER_BYTES: Final = 16 * 1024
MAX_HEADERS: Final = 64
MAX_PATH_BYTES: Final = 2_048
MAX_FIELDS: Final = 200
"""Maximum number of fields of a form or a query."""
MAX_JSON_DEPTH: Final = 32
MAX_INTEGER_DIGITS: Final = 18
MAX_CONNECTIONS: Final = 512
"""Beyond this, the connection that has waited longest for a request is closed."""
MAX_STREAMS: Final = 256
"""Maximum number of tabs that get live updates at the same time."""
MAX_UNDER_WAY: Final = 448
"""Maximum number of requests of signed-in users that are under way: others still find a connection."""
MAX_UNDER_WAY_OF_ONE: Final = 320
"""Maximum number of these of one user: all live tabs, and some more."""
MAX_ANSWERS: Final = 8
"""How many answers are computed at the same time; further requests wait."""
REQUEST_SECONDS: Final = 10.0
"""How long a client may take to send a whole request, and between two requests of a connection."""
SEND_SECONDS: Final = 30.0
"""How long a client may not read any of an answer."""
PAGE_SIZE: Final = 100
MAX_PAGE_SIZE: Final = 1_000
MAX_LOG_LINES: Final = 10_000
MAX_LOG_BYTES: Final = 64 * 1024 * 1024
"""How much of a log is given in one answer; more has to be downloaded."""
MAX_WAITED: Final = 90
"""Number of runs that one request may wait for."""
MAX_WAIT_SECONDS: Final = 60.0
"""How long an API request may wait for an answer to change."""
SESSION_HOURS: Final = 12
FAILURES_PER_MINUTE: Final = 10
"""Failed sign-ins of one address; further ones get 429."""
RECORDED_FAILURES: Final = 10
"""Failed sign-ins, and calls of webhooks that were not proven, of all addresses that the audit gets in a
minute; of one address it gets one.
"""
REQUESTS_PER_MINUTE: Final = 600
"""Requests of one token to the API; after that it gets 429."""
CALLS_PER_MINUTE: Final = 60
"""Genuine calls of one webhook; after that they get 429."""
CALLS_AT_ONCE: Final = 20
"""How many of them may come together."""
SECRETS_SECONDS: Final = 10.0
"""How long the secret of a webhook is used before it is read again."""
MAX_PEERS: Final = 4_096
"""Number of addresses, tokens and webhooks whose requests are counted; the oldest is forgotten."""
