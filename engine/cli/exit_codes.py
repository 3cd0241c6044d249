"""All exit codes of `jobfile`: their names and meanings.

Commands return these names. Two families share the numbers from 2 to 6: a command that answers about runs
(`did`, `run`, `wait`, `retry`) and a command that changes what is in force (`plan`, `apply`, `rollback`).
"""

from typing import Final

GOOD: Final = 0
"""The request is done, or everything checked is well."""
NOT_WELL: Final = 1
"""Something needs attention: files with errors, a run that did not succeed, a finding, a failed case."""

DID_NOT_RUN: Final = 3
"""Of a run: it did not run, or could not be started."""
NOT_OVER: Final = 4
"""Of a run: it is not over, or not yet due."""
NOT_EXPECTED: Final = 5
"""Of a run: none was expected then."""
OVERDUE: Final = 6
"""Of a run: it was due, and nothing has started it."""
WOULD_NOT_RUN: Final = 6
"""Of a dry run: it would not run."""

CHANGES: Final = 2
"""Of a plan with --exit-code or --detect-drift: something changes."""
RISKS: Final = 3
"""Of a plan with --fail-on: there is a risk."""
REFUSED: Final = 4
"""Of a saved plan: it is refused."""

USAGE: Final = 64
"""The command line is wrong, or names something that does not exist. EX_USAGE of sysexits.h."""
UNREADABLE: Final = 65
"""A file does not exist or cannot be read. EX_DATAERR."""
BUG: Final = 70
"""A bug in jobfile, or numbers that do not add up. EX_SOFTWARE."""
UNWRITTEN: Final = 74
"""The command's output could not be written. EX_IOERR."""
TRY_AGAIN: Final = 75
"""The ledger cannot be used now, or another engine has it. EX_TEMPFAIL."""
BROKEN_OFF: Final = 130
"""The user stopped the command with Ctrl-C."""
