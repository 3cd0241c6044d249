"""How a tool asks: in a place of its own, whose ledgers are closed afterwards, with its errors in words."""

import os
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Final

import click

from engine.answers.choice import Choice
from engine.asking.findings import InvalidFilesError
from engine.asking.place import Place
from engine.cli.agents.attending import Attendant
from engine.cli.bugs import bug_words
from engine.core.errors import JobfileError, WrongUsageError
from engine.host.environment import user_name
from engine.integrations.mcp_tools import Argument, Call, Kind, ToolError
from engine.planning.sides import ENGINE, WORKTREE
from jobfile.diagnostics.escapes import message, printable
from jobfile.model.dataclass import dataclass
from jobfile.pipeline import Looked
from jobfile.render.redact import without_secrets
from jobfile.render.text import render_text

if TYPE_CHECKING:
    from engine.ledger.ports import View

MAX_ERROR: Final = 16_000
"""Maximum number of characters of an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPlace(Place):
    """The place in which a tool asks, for one call."""

    client: str
    attendant: Attendant
    notes: list[str] = field(default_factory=list)
    views: list["View"] = field(default_factory=list)

    @property
    def user(self) -> str:
        """The user of this process, and the agent's program by the name that it gives itself."""
        return f"{user_name()} via mcp ({self.client})" if self.client else f"{user_name()} via mcp"

    def note(self, text: str) -> None:
        """Say something beside the answer: in its `notes`."""
        self.notes.append(message(text))

    def keep(self, view: "View") -> None:
        """Close a ledger at the end of the call."""
        self.views.append(view)


Ask = Callable[[AgentPlace, Call], Mapping[str, object]]


def asking(place: Place, attendant: Attendant, ask: Ask) -> Callable[[Call], Mapping[str, object]]:
    """The answer of a tool to a call. Whatever fails becomes a ToolError: the server continues."""

    def answer(call: Call) -> Mapping[str, object]:
        here = AgentPlace(
            main_file=place.main_file,
            state_dir=place.state_dir,
            store=place.store,
            client=call.client,
            attendant=attendant,
        )
        try:
            found = dict(ask(here, call))
            for view in here.views:
                here.warn_unreadable(view)
        except InvalidFilesError as error:
            found_in = f"\n\n{errors_of(error.looked)}"
            raise ToolError(f"{error}{found_in}"[:MAX_ERROR]) from error
        except JobfileError as error:
            advice = f"; {error.advice}" if error.advice else ""
            raise ToolError(message(f"{error}{advice}")[:MAX_ERROR]) from error
        except click.ClickException as error:
            raise ToolError(message(error.message)[:MAX_ERROR]) from error
        except Exception as error:
            raise ToolError(bug_words(error)) from error
        finally:
            for view in here.views:
                view.close()
        return {**found, "notes": here.notes} if here.notes else found

    return answer


def errors_of(compiled: Looked) -> str:
    """The errors in files, as `check` shows them."""
    errors = [one for one in compiled.diagnostics if one.is_error]
    return render_text(errors, sources=without_secrets(compiled.diagnostics, compiled.sources))


def file_in(place: Place, text: str) -> str:
    """The path of a file that is named from the main file's folder. Refuses one outside of it."""
    folder = place.main_file.absolute().parent.resolve()
    path = (folder / text).resolve()
    if not path.is_relative_to(folder):
        raise WrongUsageError(f"{printable(text)} is outside of {folder}; name a file in it")
    return str(path)


def side_in(place: Place, text: str | None) -> str | None:
    """The side of a plan: the engine, the files, a revision, or a file in the main file's folder."""
    if text is None or text == WORKTREE or text.partition(":")[0] == ENGINE:
        return text
    is_file = os.path.lexists(place.main_file.absolute().parent / text) or os.path.lexists(text)
    return file_in(place, text) if is_file else text


def choice_of(call: Call) -> Choice:
    """The choice of jobs by `tags` and `owners`."""
    return Choice(tags=call.texts("tags"), owners=call.texts("owners"))


_TIME = "2026-11-28T18:04Z, 'yesterday 02:30', 'last sunday', 7d (seven days ago); in the job's zone"
TAGS: Final = Argument(name="tags", kind=Kind.TEXTS, about="Only jobs with all of these tags.")
OWNERS: Final = Argument(name="owners", kind=Kind.TEXTS, about="Only jobs of one of these owners.")
SINCE: Final = Argument(name="since", about=f"Start of the time asked about: {_TIME}.")
UNTIL: Final = Argument(name="until", about=f"End of the time asked about: {_TIME}.")
AT: Final = Argument(name="at", about=f"The run that was expected at this time: {_TIME}.")
JOB: Final = Argument(name="job", about="The name of the job.", is_required=True)
RUN_OR_JOB: Final = Argument(
    name="job", about="The name of a job, or at least 4 characters of a run's id.", is_required=True
)
PARAMS: Final = Argument(
    name="params", kind=Kind.VALUES, about="Values of the job's params by name; lists as 'a,b'."
)
MATRIX: Final = Argument(
    name="matrix", kind=Kind.VALUES, about="Of a job with a matrix, only combinations with these values."
)
WHY: Final = Argument(name="why", about="The reason, for the audit.")
