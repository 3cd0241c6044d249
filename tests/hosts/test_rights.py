"""What the users of a ledger may do: on a real server, with TLS, passwords and the roles of roles.sql."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from threading import Event
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core.errors import JobfileError, PlaceMissingError, StoreRefusedError, StoreUnavailableError
from engine.core.hosts import Host, Offer
from engine.core.lifecycle import AttemptKey, RunState
from engine.core.pieces import LOG, Piece
from engine.hosts.carrier import Bringer
from engine.hosts.carriers.registry import make_carrier
from engine.ledger.opening import examine_ledger, open_ledger, open_reader, open_view, roles_text
from engine.ledger.postgres.address import address_of
from engine.ledger.postgres.shared import PostgresSharedLedger
from engine.ledger.postgres.store import PostgresStore
from engine.ledger.store_ports import Store
from engine.service.hosting import _when_made
from tests.builders import NOON, a_job, a_run, compiled
from tests.hosts.secured import Secured, secured
from tests.known import ROOT
from tests.soak import examples
from tests.store.conformance import ENDED, SUCCEEDED, queue, start

CARRIERS = ("procrastinate", "pgqueuer")
ME = Host(
    id="id-of-bergen",
    name="bergen",
    process="process-1",
    boot_id="boot-1",
    version="1",
    labels=(),
    slots=2,
    is_draining=False,
    seen_at=NOON,
    ended_at=None,
    skew=timedelta(),
    free_bytes=0,
    trouble="",
    held=0,
    silence=timedelta(),
)
OTHER = ME._replace(id="id-of-oslo", name="oslo")
OWN = {"host": ME.id, "process": ME.process, "boot_id": ME.boot_id}
LEASE = timedelta(minutes=1)
IDS = itertools.count(1)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A server on which the first scheduler has made the tables, and those of both carriers."""
    with pytest.MonkeyPatch.context() as patch, secured(tmp_path_factory.mktemp("secured")) as made:
        patch.setenv("PGPASSFILE", str(made.passfile))
        open_ledger(made.url("scheduler")).close()
        with closing(PostgresSharedLedger(address_of(made.url("scheduler")))) as shared:
            for carrier in CARRIERS:
                make_carrier(carrier, shared).close()
        yield made


@pytest.fixture
def leader(place: Secured) -> Iterator[PostgresSharedLedger]:
    yield from opened(place, "scheduler")


@pytest.fixture
def bergen(place: Secured) -> Iterator[PostgresSharedLedger]:
    yield from opened(place, "bergen")


@pytest.fixture
def oslo(place: Secured) -> Iterator[PostgresSharedLedger]:
    yield from opened(place, "oslo")


def opened(place: Secured, user: str) -> Iterator[PostgresSharedLedger]:
    with closing(PostgresSharedLedger(address_of(place.url(user)))) as shared:
        yield shared


@pytest.fixture
def store(place: Secured) -> Iterator[Store]:
    """The ledger of the leader."""
    with closing(open_ledger(place.url("scheduler"))) as found:
        yield found


def an_offer(leader: PostgresSharedLedger, store: Store) -> AttemptKey:
    """A run that is started and whose attempt waits for a host."""
    run = start(store, queue(store, a_run(id=f"{next(IDS):032x}", concurrency_limit=1000)))
    attempt = AttemptKey(run.id, 1)
    leader.deliveries.offer([Offer(attempt, (), LEASE, run.job)])
    return attempt


def rights(place: Secured, user: str, right: str, schema: str = "public") -> set[str]:
    """The tables of a schema on which a user has a right."""
    with place.superuser() as db:
        found = db.execute(
            "select relname from pg_class where relnamespace = %s::regnamespace and relkind = 'r' "
            "and (has_table_privilege(%s, oid, %s) or has_any_column_privilege(%s, oid, %s))",
            [schema, user, right, user, right if right != "delete" else "update"],
        )
        return {name for (name,) in found}


def tables(place: Secured) -> set[str]:
    with place.superuser() as db:
        found = db.execute("select tablename from pg_tables where schemaname = 'public'")
        return {name for (name,) in found}


def test_a_worker_and_a_reader_may_write_no_table_and_read_what_is_theirs(place: Secured) -> None:
    for user, right in itertools.product(("bergen", "anna"), ("insert", "update", "delete")):
        assert rights(place, user, right) == set(), (user, right)
    assert rights(place, "anna", "select") == tables(place)
    assert rights(place, "bergen", "select") == {
        *("meta", "run", "attempt", "step", "output", "definition", "generation", "artifact"),
        *("delivery", "host", "output_chunk"),
    }
    for carrier in CARRIERS:
        schema = f"public_{carrier}"
        assert rights(place, "bergen", "delete", schema) == rights(place, "scheduler", "delete", schema)
        assert rights(place, "anna", "select", schema) == set()


def test_what_jobfile_calls_with_the_rights_of_the_owner_is_for_workers_only(place: Secured) -> None:
    with place.superuser() as db:
        db.execute("create role stranger login")
        functions = db.execute(
            "select oid, proname, proconfig from pg_proc "
            "where pronamespace = 'public'::regnamespace and prosecdef and proname <> 'is_owner'"
        ).fetchall()
        assert len(functions) == 19
        for oid, name, config in functions:
            assert config == ["search_path=public, pg_temp"], name
            for user in ("anna", "stranger", "bergen"):
                [(may,)] = db.execute(
                    "select has_function_privilege(%s, %s, 'execute')", [user, oid]
                ).fetchall()
                assert may == (user == "bergen" and name != "refuse_foreign_host"), (name, user)
        db.execute("drop role stranger")


def test_a_host_belongs_to_the_user_that_first_appeared_as_it(
    bergen: PostgresSharedLedger, oslo: PostgresSharedLedger, leader: PostgresSharedLedger, store: Store
) -> None:
    bergen.hosts.appear(ME)
    oslo.hosts.appear(OTHER)
    attempt, waiting = an_offer(leader, store), an_offer(leader, store)
    assert bergen.holding.take(attempt, **OWN)
    piece = Piece(attempt, LOG, 0, b"hello")
    zero = timedelta()
    for act in (
        lambda: oslo.hosts.sign(ME.id, ME.process, skew=zero, free_bytes=0, trouble="taken over"),
        lambda: oslo.hosts.leave(ME.id, ME.process),
        lambda: oslo.holding.take(waiting, **OWN),
        lambda: oslo.holding.renew(**OWN),
        lambda: oslo.holding.begin(attempt, host=ME.id, started_at=NOON),
        lambda: oslo.holding.give_back(attempt, host=ME.id),
        lambda: oslo.holding.report(attempt, ENDED, host=ME.id),
        lambda: oslo.outputs.append([piece], host=ME.id),
        lambda: oslo.outputs.drop_passed(attempt, first=0, before=9, host=ME.id),
    ):
        with pytest.raises(StoreRefusedError, match="id-of-bergen does not belong to the database user oslo"):
            act()
    with pytest.raises(StoreRefusedError, match="belongs to the database user bergen, and this is oslo; ask"):
        oslo.hosts.appear(ME)
    with pytest.raises(StoreRefusedError, match="has the name bergen; give this one a name of its own"):
        oslo.hosts.appear(OTHER._replace(name="bergen"))
    other = {"host": OTHER.id, "process": OTHER.process, "boot_id": OTHER.boot_id}
    assert oslo.holding.take(attempt, **other) is None, "it is taken"
    assert not oslo.holding.report(attempt, ENDED, host=OTHER.id)
    assert not oslo.holding.give_back(attempt, host=OTHER.id)
    oslo.outputs.append([piece], host=OTHER.id)
    [found] = [one for one in leader.deliveries.open() if one.attempt == attempt]
    assert (found.host, found.outcome, found.late) == (ME.id, None, None)
    assert leader.outputs.stored_bytes(attempt) == 0
    assert {one.trouble for one in leader.hosts.all()} == {""}


def test_the_owner_of_the_tables_lets_another_user_be_a_host(
    place: Secured, bergen: PostgresSharedLedger, oslo: PostgresSharedLedger
) -> None:
    moved = ME._replace(id="id-of-moved", name="moved")
    bergen.hosts.appear(moved)
    with pytest.raises(StoreRefusedError) as caught:
        oslo.hosts.appear(moved)
    advised = str(caught.value).partition("to run  ")[2]
    assert advised == "update host set role = 'oslo' where id = 'id-of-moved'"
    with psycopg.connect(place.url("bergen")) as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.execute(advised)
    with psycopg.connect(place.url("scheduler"), autocommit=True) as db:
        db.execute(advised)
    oslo.hosts.appear(moved)


def test_a_worker_does_the_whole_course_of_an_attempt(
    bergen: PostgresSharedLedger, leader: PostgresSharedLedger, store: Store
) -> None:
    assert bergen.hosts.appear(ME) is False
    attempt = an_offer(leader, store)
    taken = bergen.holding.take(attempt, **OWN)
    assert taken is not None
    assert taken.host == ME.id
    assert bergen.holding.give_back(attempt, host=ME.id)
    assert bergen.holding.take(attempt, **OWN)
    assert attempt in {one.attempt for one in bergen.holding.renew(**OWN)}
    bergen.holding.begin(attempt, host=ME.id, started_at=NOON)
    assert not bergen.holding.give_back(attempt, host=ME.id), "it may have done something"
    pieces = [Piece(attempt, LOG, seq, bytes([seq]) * 65536) for seq in (0, 1)]
    bergen.outputs.append(pieces, host=ME.id)
    assert bergen.outputs.sent(attempt, copy=LOG) == (1, 65536)
    bergen.outputs.drop_passed(attempt, first=0, before=1, host=ME.id)
    assert [one.seq for one in leader.outputs.read(attempt, copy=LOG, seq=0, size=0, limit=9)] == [1]
    assert bergen.hosts.sign(ME.id, ME.process, skew=timedelta(), free_bytes=7, trouble="") is False
    assert bergen.holding.report(attempt, ENDED, host=ME.id)
    assert not bergen.holding.report(attempt, ENDED, host=ME.id), "the second is a late end"
    [found] = leader.deliveries.of_runs([attempt.run_id])
    assert (found.outcome, found.late) == (ENDED, ENDED)
    bergen.hosts.leave(ME.id, ME.process)


def test_a_worker_reads_the_output_of_runs_that_its_hosts_execute_and_of_no_other(
    bergen: PostgresSharedLedger,
    oslo: PostgresSharedLedger,
    leader: PostgresSharedLedger,
    store: Store,
    place: Secured,
) -> None:
    bergen.hosts.appear(ME)
    attempt = an_offer(leader, store)
    bergen.holding.take(attempt, **OWN)
    bergen.outputs.append([Piece(attempt, LOG, 0, b"private")], host=ME.id)
    with closing(open_view(place.url("anna"))) as anna:
        for reads, bytes_there in (
            (bergen.outputs, 7),
            (oslo.outputs, 0),
            (anna.pieces, 7),
            (leader.outputs, 7),
        ):
            assert reads.stored_bytes(attempt) == bytes_there


def test_a_worker_changes_no_verdict_and_no_definition_and_writes_no_run(
    place: Secured, store: Store, leader: PostgresSharedLedger
) -> None:
    attempt = an_offer(leader, store)
    run = store.run(attempt.run_id)
    assert run is not None
    for user in ("bergen", "anna"):
        with closing(PostgresStore.open_current(address_of(place.url(user)), busy_seconds=1)) as mine:
            for act in (
                lambda mine: mine.settle(run, SUCCEEDED, ENDED),
                lambda mine: mine.add_run(a_run(id="f" * 32)),
                lambda mine: mine.audit(actor="a", action="b", object="c", detail="", now=NOON),
                lambda mine: mine.past.note("home", "mine"),
                lambda mine: mine.add_definition(compiled(a_job("mine"))),
            ):
                said = (
                    r"may not write the ledger postgresql://localhost:\d+/shop .*; use a user with the role "
                )
                with pytest.raises(StoreRefusedError, match=f"{said}jobfile_leader"), mine.transaction():
                    act(mine)
    for text in (
        "update definition set spec = '{}'",
        "update delivery set outcome = '{}'",
        "update delivery set lease_until = 0",
        "delete from run",
        "truncate attempt",
        "insert into leader values ('engine', 'me', 'me', 1, 99, 99)",
        "select * from audit",
        "select * from access_grant",
        "alter table host disable trigger all",
        "create function now_us(text) returns bigint language sql as 'select 1::bigint'",
        "create schema mine",
    ):
        with psycopg.connect(place.url("bergen")) as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute(text)
    again = store.run(attempt.run_id)
    assert again is not None
    assert (again.state, again) == (RunState.RUNNING, run)


def test_an_error_names_the_role_that_has_the_missing_right(
    place: Secured, oslo: PostgresSharedLedger, leader: PostgresSharedLedger, store: Store
) -> None:
    with closing(PostgresSharedLedger(address_of(place.url("anna")))) as anna:
        with pytest.raises(
            StoreRefusedError, match=r"may not execute jobs of .*with the role jobfile_worker$"
        ):
            anna.hosts.appear(ME)
        with pytest.raises(StoreRefusedError, match=r"may not write .*with the role jobfile_leader$"):
            anna.leadership.acquire("me", host="me", length=LEASE)
    with pytest.raises(StoreRefusedError, match=r"may not write .*with the role jobfile_leader$"):
        oslo.leadership.acquire("me", host="me", length=LEASE)
    with (
        closing(open_view(place.url("oslo"))) as view,
        pytest.raises(StoreRefusedError, match=r"may not read .*with the role jobfile_reader$"),
    ):
        view.audit_of("hello")
    with place.superuser() as db:
        db.execute("create schema hidden")
        for open_it in (open_view, open_ledger):
            with pytest.raises(StoreRefusedError, match="no right to use its schema"):
                open_it(f"{place.url('anna')}&options=-csearch_path%3Dhidden")
        db.execute("drop schema hidden")


def test_the_roles_can_be_made_again_and_a_ledger_that_is_there_is_handed_over(place: Secured) -> None:
    with place.superuser() as db:
        db.execute("create role before login superuser")
        db.execute("create database old owner before")
    url = f"postgresql://before@/old?host={place.server.folder}&port={place.port}"
    open_ledger(url).close()
    with closing(PostgresSharedLedger(address_of(url))) as shared:
        for carrier in CARRIERS:
            make_carrier(carrier, shared).close()
    for _ in range(2):
        with place.superuser("old") as db:
            db.execute(roles_text().encode())
    scheduler = place.url("scheduler").replace("/shop?", "/old?")
    with (
        closing(open_ledger(scheduler)) as store,
        closing(PostgresSharedLedger(address_of(scheduler))) as lead,
    ):
        attempt = an_offer(lead, store)
        for carrier in CARRIERS:
            made = make_carrier(carrier, lead)
            made.offer([Offer(attempt, (), LEASE, "hello")])
            made.close()
    with place.superuser("old") as db:
        owners = db.execute(
            "select distinct relowner::regrole::text from pg_class where relkind in ('r', 'S') "
            "and relnamespace in (select oid from pg_namespace where nspname like 'public%')"
        ).fetchall()
        assert owners == [("jobfile_leader",)]
    worker = place.url("bergen").replace("/shop?", "/old?")
    with closing(PostgresSharedLedger(address_of(worker))) as shared:
        shared.hosts.appear(ME)
        assert shared.holding.take(attempt, **OWN)


def test_the_roles_in_packaging_are_what_export_prints(request: pytest.FixtureRequest) -> None:
    path = ROOT / "packaging" / "postgresql" / "roles.sql"
    if request.config.getoption("--update"):
        path.write_text(roles_text())
    assert path.read_text() == roles_text()


def test_only_a_server_with_the_right_name_and_authority_is_trusted(place: Secured) -> None:
    open_view(place.url("anna")).close()
    with psycopg.connect(place.url("anna")) as db:
        [found] = db.execute("select ssl, version from pg_stat_ssl where pid = pg_backend_pid()").fetchall()
        assert found == (True, "TLSv1.3")
    own = place.certificates.own
    for url, said in {
        place.url("anna", host="other.test"): 'server certificate for "localhost"',
        place.url("anna", authority=own): "certificate verify failed",
        place.url("anna", authority=own.with_name("none")): "root certificate file",
    }.items():
        with pytest.raises(StoreUnavailableError, match=f"is not trusted .*{said}.*; give the certificate"):
            open_view(url)
    with pytest.raises(StoreUnavailableError, match=r"no pg_hba\.conf entry"):
        open_view(place.url("anna").replace("verify-full", "disable"))


def test_doctor_says_that_a_network_is_trusted(place: Secured) -> None:
    here = f"postgresql://jobfile@/shop?host={place.server.folder}"
    for url, is_said in {
        f"{here}&port={place.port}&sslmode=disable": False,
        f"{here},db.invalid&port={place.port},1&sslmode=disable": True,
    }.items():
        found = [one for one in examine_ledger(url).settings if "sslmode=disable" in one]
        assert bool(found) == is_said, url


EVERY_LIMIT = {
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "5s",
    "tcp_user_timeout": "5000",
}


def limits(asked: Callable[[str], Any]) -> dict[str, str]:
    return {name: asked(f"show {name}") for name in EVERY_LIMIT}


def test_every_connection_that_writes_has_limits_at_both_ends(
    place: Secured, bergen: PostgresSharedLedger
) -> None:
    assert limits(lambda text: bergen._db.run(text)[0][0]) == EVERY_LIMIT
    carrier = bergen.place_for("procrastinate", table="procrastinate_jobs", make=lambda: "")
    with psycopg.connect(carrier.conninfo) as db:
        assert limits(lambda text: db.execute(text).fetchall()[0][0]) == EVERY_LIMIT  # type: ignore[arg-type]
    parameters = address_of(place.url("bergen")).parameters
    assert (parameters["connect_timeout"], parameters["tcp_user_timeout"]) == ("5", "5000")
    with closing(open_reader(place.url("anna"))) as reader, closing(reader.view()) as view:
        read = limits(lambda text: view._db.run(text)[0][0])  # type: ignore[attr-defined]
    assert read == {
        **EVERY_LIMIT,
        "statement_timeout": "5min",
        "idle_in_transaction_session_timeout": "5min",
    }


def test_a_writer_that_does_nothing_in_a_transaction_holds_up_nobody(place: Secured) -> None:
    with (
        closing(PostgresStore.open(address_of(place.url("scheduler")))) as frozen,
        closing(PostgresStore.open(address_of(place.url("scheduler")))) as other,
    ):
        frozen._db.run("set idle_in_transaction_session_timeout = '100ms'")
        with pytest.raises(JobfileError, match="cannot be reached"), frozen.transaction():
            frozen.past.note("fact", "lost")
            with other.transaction():  # waits until the server has ended the first
                other.past.note("fact", "noted")
            frozen.past.note("fact", "lost, too")
        assert frozen.past.fact("fact", default="") == "noted"


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("postgresql://a@db.example.org/x", "verify-full"),
        ("postgresql://a@10.0.0.7/x", "verify-full"),
        ("postgresql://a@localhost,db.example.org/x", "verify-full"),
        ("postgresql://a@/x?service=shop", "verify-full"),
        ("postgresql://a@localhost/x?hostaddr=10.0.0.7", "verify-full"),
        ("postgresql://a@10.0.0.7/x?sslmode=disable", "disable"),
        ("postgresql://a@10.0.0.7/x?sslmode=verify-full", "verify-full"),
        ("postgresql://a@localhost/x", None),
        ("postgresql://a@127.0.0.9/x", None),
        ("postgresql://a@[::1]/x", None),
        ("postgresql://a@/x?host=/run/postgresql", None),
        ("postgresql://a@localhost/x?sslmode=require", "require"),
    ],
)
def test_another_machine_is_reached_only_with_tls_that_verifies_it(
    url: str, mode: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGHOST", raising=False)
    monkeypatch.setenv("PGSSLMODE", "disable")
    assert address_of(url).parameters.get("sslmode") == mode
    assert address_of(url).is_plain == (mode == "disable")


def test_a_host_in_the_environment_counts_as_one_in_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    for host, mode in {"db.example.org": "verify-full", "/run/postgresql": None}.items():
        monkeypatch.setenv("PGHOST", host)
        assert address_of("postgresql:///x").parameters.get("sslmode") == mode


@pytest.mark.parametrize("mode", ["allow", "prefer", "require", "verify-ca"])
def test_tls_that_does_not_verify_the_server_is_refused(mode: str) -> None:
    with pytest.raises(JobfileError) as caught:
        address_of(f"postgresql://a:geheim@db.example.org/x?sslmode={mode}")
    assert f"`sslmode={mode}` in its URL does not verify the server; use  sslmode=verify-full" in str(
        caught.value
    )
    assert "geheim" not in str(caught.value)


class Meanwhile(Event):
    """Instead of waiting, something happens."""

    def __init__(self, happens: Callable[[], object]) -> None:
        super().__init__()
        self._happens = happens

    def wait(self, timeout: float | None = None) -> bool:
        self._happens()
        return self.is_set()


def test_a_host_waits_until_a_scheduler_has_made_the_queue(
    bergen: PostgresSharedLedger, place: Secured
) -> None:
    def queue() -> Bringer:
        return make_carrier("pgqueuer", bergen)

    with place.superuser() as db:
        db.execute("alter schema public_pgqueuer rename to away")
        stopped = Meanwhile(lambda: stopped.set())
        with pytest.raises(PlaceMissingError, match='user "bergen" may not make it; ask an administrator'):
            _when_made(queue, stopped)
        is_made = Meanwhile(lambda: db.execute("alter schema away rename to public_pgqueuer"))
        _when_made(queue, is_made).close()


KEPT = """
select (select jsonb_agg(host order by id) from host where role = 'bergen'),
       (select jsonb_agg(delivery order by fence) from delivery where host = %(id)s),
       (select jsonb_agg(output_chunk order by run_id, seq) from output_chunk where run_id = any(%(runs)s)),
       (select jsonb_agg(run order by seq) from run), (select jsonb_agg(attempt) from attempt),
       (select jsonb_agg(definition order by digest) from definition),
       (select jsonb_agg(meta order by key) from meta)
"""
"""What nobody but bergen and the leader may change."""
FUNCTIONS = """
select proname, coalesce(proargnames[:pronargs], '{}'),
       coalesce((select array_agg(format_type(one, null) order by place)
        from unnest(proargtypes) with ordinality as a(one, place)), '{}')
from pg_proc where pronamespace = 'public'::regnamespace and proname like 'worker\\_%' order by proname
"""


@settings(
    deadline=None, max_examples=examples(20), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_call_of_a_worker_changes_anything_of_another_one(
    data: st.DataObject,
    place: Secured,
    bergen: PostgresSharedLedger,
    leader: PostgresSharedLedger,
    store: Store,
) -> None:
    bergen.hosts.appear(ME)
    held, over, offered = (an_offer(leader, store) for _ in range(3))
    for one in (held, over):
        bergen.holding.take(one, **OWN)
        bergen.outputs.append([Piece(one, LOG, 0, b"of bergen")], host=ME.id)
    bergen.holding.report(over, ENDED, host=ME.id)
    runs = [held.run_id, over.run_id, offered.run_id]
    chosen = {
        "own_id": [ME.id, OTHER.id, "id-of-nobody"],
        "own_name": [ME.name, OTHER.name, "new"],
        "own_process": [ME.process, "process-9"],
        "own_boot": [ME.boot_id, "boot-9"],
        "of_run": runs,
        "of_number": [1],
        "of_step": [""],
        "of_item": [0],
    }
    by_type = {
        "text": ["", "{}", "x' or true --"],
        "bigint": [0, 1, 2**62],
        "bytea": [b"of oslo, and longer"],
    }
    with place.superuser() as db, psycopg.connect(place.url("oslo"), autocommit=True) as oslo:
        before = db.execute(KEPT, {"id": ME.id, "runs": runs[:2]}).fetchone()
        functions = db.execute(FUNCTIONS).fetchall()
        assert len(functions) == 17
        for _ in range(12):
            name, names, types = data.draw(st.sampled_from(functions))
            values = []
            for its_name, kind in zip(names, types, strict=True):
                base = kind.removesuffix("[]")
                singular = {"of_runs": "of_run", "of_numbers": "of_number", "of_steps": "of_step"}.get(
                    its_name
                )
                value = data.draw(st.sampled_from(chosen.get(singular or its_name, by_type[base])))
                values.append([value] if kind.endswith("[]") else value)
            marks = ", ".join(f"%s::{kind}" for kind in types)
            with suppress(psycopg.Error):
                oslo.execute(f"select * from {name}({marks})", values)  # type: ignore[arg-type]  # of the server
        assert db.execute(KEPT, {"id": ME.id, "runs": runs[:2]}).fetchone() == before
        db.execute("delete from host where role = 'oslo'")
