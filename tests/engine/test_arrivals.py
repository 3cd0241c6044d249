"""Which files have arrived: decided from scans, reports and what the ledger has, without a file."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.arrivals import (
    UNCLOSED_SECONDS,
    UNKNOWN,
    Arrivals,
    FoundFile,
    Hint,
    Observed,
    Rule,
    Scan,
    Trace,
    arrivals,
    gone,
    identity_of,
    observe,
    path_in,
)
from jobfile.model.name_patterns import name_matcher

ANY = Rule(name_matcher("*"), ("closed", "moved"), 2.0)
A = FoundFile("/in/a.csv", 7, 10, 1_000)
NAMES = st.text(st.characters(exclude_characters="/\0", codec=None), min_size=1, max_size=20)


def after(*hints: Hint) -> Trace:
    trace = UNKNOWN
    for hint in hints:
        trace = trace.after(hint)
    return trace


def decided(
    *files: FoundFile,
    now: float,
    since: float = 0.0,
    rule: Rule = ANY,
    known: frozenset[str] = frozenset(),
    **traces: Trace,
) -> Arrivals:
    observed = observe(files, {}, now=since)
    by_path = {f"/in/{name}.csv": trace for name, trace in traces.items()}
    return arrivals(observed.values(), rule, known=known, traces=by_path, now=now)


def test_a_file_is_an_event_once_it_has_not_changed_for_the_settle_time() -> None:
    early, late = decided(A, now=1.9), decided(A, now=2.0)
    assert (early.events, early.look_at) == ((), 2.0)
    assert [one.file for one in late.events] == [A]
    assert late.look_at is None


def test_without_a_settle_time_a_file_is_an_event_at_its_first_scan() -> None:
    assert decided(A, now=5.0, since=5.1, rule=ANY._replace(settle_seconds=0.0)).events


@pytest.mark.parametrize("change", [{"inode": 8}, {"size": 11}, {"mtime_ns": 1_001}])
def test_every_change_begins_the_settle_time_again(change: dict[str, int]) -> None:
    first = observe([A], {}, now=1.0)
    second = observe([A._replace(**change)], first, now=2.0)
    assert second[A.path].since == 2.0
    assert observe([A], first, now=2.0)[A.path].since == 1.0
    assert identity_of(A) != identity_of(A._replace(**change))


def test_a_known_file_is_no_event_and_needs_no_look() -> None:
    assert decided(A, now=99.0, known=frozenset({identity_of(A)})) == Arrivals()


def test_a_file_that_its_writer_has_not_closed_waits_for_that() -> None:
    writing = after(Hint.CREATED, Hint.OPENED, Hint.WRITTEN)
    found = decided(A, now=60.0, a=writing)
    assert (found.events, found.look_at) == ((), UNCLOSED_SECONDS)
    assert decided(A, now=60.0, a=writing.after(Hint.CLOSED)).events
    assert decided(A, now=UNCLOSED_SECONDS, a=writing).events, "its close was not reported"


@pytest.mark.parametrize(
    ("hints", "is_written"),
    [
        ((Hint.CREATED,), False),  # a hard link, or a report of watchdog about a new folder
        ((Hint.CREATED, Hint.OPENED), True),
        ((Hint.OPENED,), False),  # by a reader
        ((Hint.OPENED, Hint.WRITTEN), True),
        ((Hint.WRITTEN,), False),  # truncate(2), which opens nothing
        ((Hint.OPENED, Hint.WRITTEN, Hint.READ), True),  # a reader has closed it, the writer has not
        ((Hint.OPENED, Hint.READ, Hint.WRITTEN), False),
        ((Hint.CREATED, Hint.OPENED, Hint.CLOSED, Hint.OPENED), False),
        ((Hint.CREATED, Hint.OPENED, Hint.WRITTEN, Hint.MOVED), True),  # renamed before it is closed
    ],
)
def test_what_the_reports_say_about_a_writer(hints: tuple[Hint, ...], is_written: bool) -> None:
    assert after(*hints).is_being_written is is_written


@pytest.mark.parametrize(
    ("hints", "closed", "moved"),
    [
        ((), True, True),  # nothing is known: at the start, after lost reports, on a network
        ((Hint.CREATED, Hint.OPENED, Hint.CLOSED), True, False),
        ((Hint.MOVED,), False, True),
        ((Hint.CREATED, Hint.OPENED, Hint.CLOSED, Hint.MOVED), False, True),
        ((Hint.MOVED, Hint.OPENED, Hint.WRITTEN, Hint.CLOSED), True, True),
        ((Hint.CREATED,), True, True),
    ],
)
def test_the_way_of_arrival_counts_only_where_it_is_known(
    hints: tuple[Hint, ...], closed: bool, moved: bool
) -> None:
    trace = after(*hints)
    assert (trace.counts_for(("closed",)), trace.counts_for(("moved",))) == (closed, moved)
    assert trace.counts_for(("closed", "moved"))
    found = decided(A, now=9.0, rule=ANY._replace(events=("moved",)), a=trace)
    assert bool(found.events) is moved
    assert bool(found.passed_over) is not moved


def test_older_files_come_first() -> None:
    files = [
        A._replace(path=f"/in/{name}.csv", mtime_ns=time) for name, time in (("c", 1), ("b", 3), ("a", 2))
    ]
    assert [one.file.name for one in decided(*files, now=9.0).events] == ["c.csv", "a.csv", "b.csv"]


@given(name=NAMES, numbers=st.tuples(*[st.integers(0, 2**63)] * 3))
def test_an_identity_has_the_path_byte_for_byte(name: str, numbers: tuple[int, int, int]) -> None:
    file = FoundFile(f"/in/{name}", *numbers)
    assert identity_of(file).isascii()
    assert path_in(identity_of(file)) == file.path
    assert (file.name, file.folder) == (name, "/in")


@given(one=NAMES, other=NAMES)
def test_different_names_have_different_identities(one: str, other: str) -> None:
    same = identity_of(A._replace(path=one)) == identity_of(A._replace(path=other))
    assert same is (one == other)


@pytest.mark.parametrize("text", ["", "x", "1 2 3", "1 2 3 x", "1 2 3 7", '1 2 3 "', "1 2 3 " + "[" * 99_999])
def test_a_text_that_is_no_identity_has_no_path(text: str) -> None:
    assert path_in(text) is None


STEPS = st.lists(
    st.tuples(st.floats(0.1, 5), st.sampled_from("abc"), st.sampled_from(["write", "remove", "scan"])),
    max_size=40,
)


@given(steps=STEPS)
def test_whatever_happens_an_event_was_unchanged_for_the_settle_time_and_comes_once(
    steps: list[tuple[float, str, str]],
) -> None:
    now, version = 0.0, 0
    there: dict[str, FoundFile] = {}
    changed: dict[str, float] = {}
    observed: dict[str, Observed] = {}
    known: set[str] = set()
    times = [0.0]
    for length, name, what in [*steps, (9.0, "a", "scan"), (9.0, "a", "scan")]:
        now += length
        if what == "write":
            version += 1
            there[name], changed[name] = FoundFile(f"/in/{name}", 1, version, version), now
        elif what == "remove":
            there.pop(name, None)
        else:
            times.append(now)
            observed = observe(there.values(), observed, now=now)
            found = arrivals(observed.values(), ANY, known=known, traces={}, now=now)
            for one in found.events:
                assert now - changed[one.file.name] >= ANY.settle_seconds
                assert one.identity not in known
                known.add(one.identity)
            assert found.look_at is None or found.look_at > now
    assert all(earlier < later for earlier, later in pairwise(times))
    assert {identity_of(one) for one in there.values()} <= known


HERE = {"/in": "/mnt", "/in/sub": "/mnt"}


def forgotten(path: str, mount: str = "/mnt", *, recursive: bool = True, **scan: object) -> bool:
    identity = identity_of(A._replace(path=path))
    found = Scan(**({"mounts": HERE} | scan))  # type: ignore[arg-type]  # of the fields that a test names
    rule = ANY._replace(matches=name_matcher("*.csv"))
    observed = observe(found.files, {}, now=0.0).values()
    told = gone({identity: mount}, observed, found, rule, folder="/in", is_recursive=recursive)
    return list(told) == [identity]


def test_a_file_that_a_complete_scan_does_not_find_is_forgotten() -> None:
    assert forgotten("/in/a.csv")
    assert forgotten("/in/sub/a.csv")
    assert forgotten("/in/removed/sub/a.csv"), "its folder is gone, too"
    assert forgotten("/in/a.csv", recursive=False)


def test_a_file_is_not_forgotten_while_it_may_be_there() -> None:
    assert not forgotten("/in/a.csv", files=(A,))
    assert not forgotten("/in/a.csv", trouble="/in does not exist", mounts={})
    assert not forgotten("/in/a.csv", left_out="too many")
    assert not forgotten("/in/a.csv", "/mnt/share"), "its file system is not mounted"
    assert not forgotten("/in/sub/a.csv", recursive=False), "the folder in it is not watched any more"
    assert not forgotten("/elsewhere/a.csv"), "of another folder"
    assert not forgotten("/inside/a.csv"), "of another folder"
    assert not forgotten("/in/a.txt"), "it does not match any more"
    assert (
        list(gone({"not an identity": "/mnt"}, (), Scan(mounts=HERE), ANY, folder="/in", is_recursive=True))
        == []
    )


def test_a_file_whose_content_was_replaced_is_forgotten_in_its_old_form() -> None:
    assert forgotten("/in/a.csv", files=(A._replace(size=11),))
