"""One engine on a ledger in a server sends outputs as hosts do: other machines read them there."""

from pathlib import Path
from typing import Any

import pytest

from engine.core.errors import StoreUnavailableError
from engine.core.lifecycle import AttemptKey, RunState
from engine.execution.attempt_output import AttemptOutput
from engine.hosts.executor import Executor
from engine.hosts.here import Here
from engine.hosts.outputs import END_SECONDS, OutputSender
from engine.hosts.sending import Sending
from engine.ledger.postgres.address import address_of
from engine.ledger.postgres.shared import PostgresSharedLedger
from engine.service.sending import NO_HOST
from engine.supervisor.output import OutputTail
from engine.supervisor.storing import OutputFiles
from tests.engine.world import World
from tests.hosts.test_outputs import NoMask
from tests.hosts.world import Network
from tests.ledgers import Chosen
from tests.postgres_ledgers import InServer

JOBS = """
version: 1
jobs:
  talk: {run: 'true', concurrency: {limit: 9}}
"""


class OneEngine(World):
    """An engine whose attempts are scripted; the test writes what they print."""

    def executor(self) -> Executor:
        ledgers = Chosen.ledgers
        assert isinstance(ledgers, InServer)
        self.shared = Network(PostgresSharedLedger(address_of(ledgers.url(self.config.ledger))))
        outputs: Any = self.shared.outputs
        self.sender = OutputSender(outputs, config=self.config, clock=self.clock, host=NO_HOST)
        here = Here(store=self.store, clock=self.clock, launcher=self.launcher, config=self.config)
        self.sending = Sending(here, self.sender)
        return self.sending

    def talk(self) -> AttemptKey:
        run = self.run_by_hand("talk")
        self.step()
        key = AttemptKey(run.id, 1)
        self.config.attempt_dir(key).parent.mkdir(parents=True, exist_ok=True)
        self.files = OutputFiles(str(self.config.attempt_dir(key)), NoMask())
        return key

    def there(self, key: AttemptKey) -> bytes:
        return AttemptOutput(Path("/nonexistent"), key, self.shared.outputs).tail().read()

    def state(self, key: AttemptKey) -> RunState:
        state: RunState = self.store.run(key.run_id).state
        return state


@pytest.fixture
def world(tmp_path: Path) -> OneEngine:
    return OneEngine(tmp_path, JOBS)


def test_output_is_there_while_it_comes_and_whole_when_its_end_is_recorded(world: OneEngine) -> None:
    key = world.talk()
    world.files.write(b"one\n")
    world.sender.send()
    assert world.there(key) == b"one\n"
    world.files.write(b"two\n")
    world.launcher.finish(key.id)
    world.step()
    assert world.state(key) is RunState.RUNNING, "its end waits for its output"
    while world.sender.send() == 0.0:
        pass
    world.step()
    assert world.state(key) is RunState.SUCCEEDED
    assert world.there(key) == OutputTail(world.config.attempt_dir(key)).read() == b"one\ntwo\n"


def test_an_end_without_output_waits_for_nothing(world: OneEngine) -> None:
    key = world.talk()
    world.launcher.finish(key.id)
    world.step()
    assert world.state(key) is RunState.SUCCEEDED


def test_a_place_that_takes_no_output_delays_an_end_by_a_bounded_time(world: OneEngine) -> None:
    key = world.talk()
    world.shared.breaks.add("append")
    world.files.write(b"late\n")
    world.launcher.finish(key.id)
    world.step()
    with pytest.raises(StoreUnavailableError):
        world.sender.send()
    assert world.state(key) is RunState.RUNNING
    world.clock.advance(seconds=END_SECONDS)
    world.step()
    assert world.state(key) is RunState.SUCCEEDED
    world.shared.breaks.clear()
    while world.sender.send() == 0.0:
        pass
    assert world.there(key) == b"late\n", "the rest is sent afterwards"


def test_an_engine_that_is_started_again_sends_the_rest(world: OneEngine) -> None:
    key = world.talk()
    world.files.write(b"one\n")
    world.sender.send()
    world.crash()
    world.files.write(b"two\n")
    world.boot()
    world.sending.take_over(world.store.live_attempts())
    world.sender.send()
    assert world.there(key) == b"one\ntwo\n"
    world.files.write(b"three\n")
    world.launcher.finish(key.id)
    world.step()
    while world.sender.send() == 0.0:
        pass
    world.step()
    assert world.state(key) is RunState.SUCCEEDED
    assert world.there(key) == b"one\ntwo\nthree\n"


def test_what_belongs_to_a_host_is_not_taken_from_an_engine_without_hosts(world: OneEngine) -> None:
    key = world.talk()
    world.files.write(b"mine\n")
    ledgers = Chosen.ledgers
    assert isinstance(ledgers, InServer)
    ledgers.superuser(world.config.ledger).execute(
        "insert into delivery (run_id, number, step, item, needs, state, lease, offered_at, host,"
        " lease_until) values (%s, 1, '', 0, '[]', 'held', 1, 1, 'other', 1)",
        [key.run_id],
    )
    world.sender.send()
    assert world.there(key) == b""
