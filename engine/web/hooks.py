"""Webhooks: `POST /hooks/PATH` starts a job. A call is proven by its sender's secret, not by a token of ours.

Size and type of the body are checked first, for every path in the same way; then the proof, the rate, and
last the ledger. Of calls that are not genuine the audit gets a few, those of unknown webhooks too: the work
is the same.
"""

from contextlib import closing
from http import HTTPStatus
from typing import Final

from starlette.responses import JSONResponse, Response

from engine.core.errors import ErrorCode, JobfileError
from engine.core.webhook_proofs import Call, Proven, of_public, verified
from engine.core.webhooks import MAX_BODY_BYTES, NOT_GENUINE, Refused, is_ping
from engine.host.run_ids import new_run_id
from engine.host.wake import poke
from engine.ledger.opening import open_ledger
from engine.transactions.account import Moment
from engine.transactions.webhooks import Hook, Reply, receive
from engine.web.access import Access
from engine.web.hook_memory import Known
from engine.web.refusing import RefusedError
from engine.web.visits import Route, Visit
from jobfile.model.webhooks import Proof

RETRY_SECONDS: Final = 10
"""The seconds after which a sender should repeat a call that could not be recorded."""


def called(visit: Visit) -> Response:
    """Start the job of a webhook: 202 once its run is recorded, 200 if this call is known."""
    path, call = visit.values["hook"], Call(visit.headers, visit.raw)
    try:
        reply = _reply(visit, path, call)
    except JobfileError as error:
        visit.hooks.tell(f"a call of a webhook cannot be recorded: {error}")
        raise RefusedError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "the call cannot be recorded now; send it again",
            retry_after=RETRY_SECONDS,
        ) from error
    if reply.status == HTTPStatus.ACCEPTED:
        poke(visit.place.state_dir)
    return JSONResponse(dict(reply.body), status_code=reply.status)


def _reply(visit: Visit, path: str, call: Call) -> Reply:
    """The answer to a call. It is proven once more if its job has changed meanwhile."""
    for is_again in (False, True):
        known = visit.hooks.find(path, is_again=is_again)
        proven = _proven(visit, known, call)
        if known is None or proven is None:
            break
        if not is_again:
            visit.hooks.rates.check(path)
            visit.hooks.rates.count(path)
        if is_ping(call, known.hook.trigger):
            return Reply(HTTPStatus.OK, {"ping": True})
        found = _record(visit, known.hook, call, proven)
        if isinstance(found, Refused):
            raise _refusal(found)
        if found is not None:
            return found
    if known is not None:
        visit.hooks.tell(f"a call of webhook {path} was refused: it is not proven with its secret")
    visit.hooks.refused.note(visit.peer, path, "unknown webhook" if known is None else "not proven")
    raise _refusal(NOT_GENUINE)


def _proven(visit: Visit, known: Known | None, call: Call) -> Proven | None:
    if known is None:
        return verified(call, Proof.STANDARD, None, now=visit.now)
    if known.is_public:
        return of_public(call)
    return verified(call, known.hook.trigger.verify, known.secret, now=visit.now)


def _record(visit: Visit, hook: Hook, call: Call, proven: Proven) -> Reply | Refused | None:
    """The answer, given after the transaction: what it says is on the disk."""
    with closing(open_ledger(visit.place.config.ledger_url)) as store, store.transaction():
        generation = store.current_generation()
        number = generation.number if generation is not None else 0
        return receive(store, hook, call, proven, Moment(now=visit.now, generation=number, new_id=new_run_id))


def _refusal(refused: Refused) -> RefusedError:
    fields = {
        one.name if one.name == "key" else f"params.{one.name}": one.message for one in refused.problems
    }
    code = ErrorCode.USAGE.value if fields else ""
    return RefusedError(HTTPStatus(refused.status), refused.message, code=code, fields=fields)


ROUTES: Final = (
    Route(
        *("POST", "/hooks/{hook}", Access.OPEN, called),
        is_page=False,
        body="json",
        most=MAX_BODY_BYTES,
        is_call=True,
    ),
)
