"""Keeps the webhooks of the jobs in force with their secrets, so that a call of any path costs the same."""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Final

from engine.actions.kind import CannotStartError
from engine.actions.prepare import secret_value
from engine.core.webhook_proofs import secret_trouble
from engine.transactions.webhooks import Hook
from engine.web.limits import CALLS_AT_ONCE, CALLS_PER_MINUTE, SECRETS_SECONDS
from engine.web.noted import Noted
from engine.web.rates import MINUTE, Rates
from engine.web.site import Site
from jobfile.model.canonical import spec_from_json
from jobfile.model.jobs import JobSpec
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.webhooks import WebhookTrigger

if TYPE_CHECKING:
    from engine.core.records import Generation
    from engine.ledger.ports import View

LOG: Final = logging.getLogger("jobfile.web")


class Known(NamedTuple):
    """A webhook, and the secret that proves its calls: None if it is not available, or there is none."""

    hook: Hook
    secret: str | None

    @property
    def is_public(self) -> bool:
        """Whether everyone may call it."""
        return self.hook.trigger.secret is None


class HookMemory:
    """All webhooks. Secrets are read again after ten seconds, whichever path is called."""

    def __init__(self, site: Site) -> None:
        """Know none yet."""
        self.refused = Noted(site, "call refused")
        self.rates = Rates(CALLS_PER_MINUTE, site.elapsed, at_once=CALLS_AT_ONCE)
        self._site = site
        self._lock = threading.Lock()
        self._generation: Generation | None = None
        self._specs: tuple[JobSpec, ...] = ()
        self._known: Mapping[str, Known] = {}
        self._read_at = -SECRETS_SECONDS
        self._told: dict[str, float] = {}

    def find(self, path: str, *, is_again: bool = False) -> Known | None:
        """The webhook of a path; with `is_again` as the ledger has it now."""
        with self._lock:
            self._read(is_again=is_again)
            return self._known.get(path)

    def tell(self, line: str) -> None:
        """Log a line, at most once a minute."""
        now = self._site.elapsed()
        if now - self._told.get(line, -MINUTE) >= MINUTE:
            self._told = {one: at for one, at in self._told.items() if now - at < MINUTE} | {line: now}
            LOG.warning(line)

    def _read(self, *, is_again: bool) -> None:
        view, now = self._site.place.view_if_any(), self._site.elapsed()
        if view is None:
            self._known = {}
            return
        with closing(view):
            generation = view.current_generation()
            is_new = generation != self._generation or is_again
            if is_new:
                self._specs = tuple(_with_webhooks(view))
                self._generation = generation
        if is_new or now - self._read_at >= SECRETS_SECONDS:
            self._known, self._read_at = {one.hook.trigger.webhook: one for one in self._with_secrets()}, now

    def _with_secrets(self) -> Iterator[Known]:
        for spec in self._specs:
            for one in spec.triggers:
                if isinstance(one, WebhookTrigger):
                    yield Known(Hook(spec.name, one), self._secret(spec, one))

    def _secret(self, spec: JobSpec, trigger: WebhookTrigger) -> str | None:
        """The secret of a webhook; None if there is none that could prove a call."""
        if trigger.secret is None:
            return None
        try:
            source = spec.secrets[trigger.secret]
            secret = secret_value(trigger.secret, source, self._site.place.config.environ)
        except (CannotStartError, KeyError) as error:
            self.tell(f"the calls of webhook {trigger.webhook} are refused: {error}")
            return None
        if trouble := secret_trouble(secret, trigger.verify):
            self.tell(f"the calls of webhook {trigger.webhook} are refused: {trouble}")
            return None
        return secret


def _with_webhooks(view: "View") -> Iterator[JobSpec]:
    """The jobs in force that have a webhook and are not disabled."""
    for version in view.jobs_in_force():
        text = view.definition_text(version.digest) or ""
        if f'"{WebhookTrigger.KIND}"' in text:
            spec = spec_from_json(text)
            if spec.enabled:
                yield spec
