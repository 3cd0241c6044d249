"""The launcher process: hands each order to a supervisor. __main__.py starts it.

It is small and has one thread, so it can be forked safely and cheaply. It forks a supervisor (a shim) for
an order. A supervisor outlives the launcher and the engine. It has one attempt at a time, and takes the
next order when that is over: this saves a fork, and the page faults of a new process.

It imports little, and only the standard library: every imported module costs memory in each supervisor.
"""

import ctypes
import gc
import os
import resource
import select
import signal
import struct
from typing import Final

from engine.supervisor.leftovers import end_strangers
from engine.supervisor.memory import start_of_memory_kills
from engine.supervisor.shim import Shim, become_supervisor
from engine.supervisor.spawn import note_oom_score, note_umask_and_core
from engine.supervisor.waking import Wake

IDLE_KEPT: Final = 16
"""Maximum number of supervisors that wait for an order; further ones end."""
IDLE_SECONDS: Final = 10.0
"""After this time without an order, all waiting supervisors end."""
ATTEMPTS_EACH: Final = 1_000
"""A supervisor ends after this number of attempts, to free the memory that has accumulated."""
SMALL_ORDER_BYTES: Final = 32_768
"""A larger order goes to a new supervisor, which inherits it in memory: an idle one would have to read it
from a pipe, and a pipe that is full would block the launcher.
"""
READ_BYTES: Final = 65_536
_HEAD: Final = struct.Struct("!II")
GONE_MILLISECONDS: Final = 200
"""How long to wait for the end of a process that has closed its files: only then
are its children reparented.
"""
_PR_SET_DUMPABLE: Final = 4
_PR_SET_CHILD_SUBREAPER: Final = 36


class Idle:
    """The launcher's supervisors: which of them wait for an order, and the last order of each."""

    def __init__(self, orders: int) -> None:
        """Begin without supervisors.

        Two polls: `wakes` wakes the launcher, for an order or the end of a supervisor. `said` is read when
        the launcher is awake anyway, for supervisors that are idle again: that saves one wake-up for each
        attempt.
        """
        self.orders: dict[int, int] = {}
        self.pids: dict[int, int] = {}
        self.given: dict[int, bytes] = {}
        self.waiting: list[int] = []
        self.wakes, self.said = select.poll(), select.poll()
        self.wakes.register(orders, select.POLLIN)

    def add(self, said: int, orders: int, folder: bytes, pid: int) -> None:
        """Add a supervisor that was forked for an attempt.

        Pipes: `said` is read here, `orders` is written.
        """
        self.orders[said], self.given[said], self.pids[said] = orders, folder, pid
        self.wakes.register(said, 0)  # no events but the end, which poll(2) always reports
        self.said.register(said, select.POLLIN)

    def drop(self, said: int) -> None:
        """Forget a supervisor. Closing its pipe ends one that waits."""
        self.wakes.unregister(said)
        self.said.unregister(said)
        os.close(self.orders.pop(said))
        os.close(said)
        del self.given[said], self.pids[said]
        if said in self.waiting:
            self.waiting.remove(said)


def launcher(orders: int, acks: int, wake: str) -> None:
    """Hand out orders until the engine closes the other end of `orders`."""
    for handle in (orders, acks):
        os.set_inheritable(handle, False)
    _settle_in()
    idle = Idle(orders)
    rest = bytearray()
    while True:
        ready = [handle for handle, _ in idle.wakes.poll(IDLE_SECONDS * 1000 if idle.orders else None)]
        for said, _ in idle.said.poll(0):
            _listen(said, idle, acks)
        for said in idle.waiting[:] if not ready else ():
            idle.drop(said)
        if orders in ready:
            found = _read_orders(orders, rest)
            if found is None:
                return
            for order in found:
                if not _hand_over(*order, idle):
                    _fork(*order, idle, (orders, acks, wake))


def _settle_in() -> None:
    """Set up this process: it must not pass anything inherited from the engine's parent to the jobs."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, lambda _number, _frame: None)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps shims; each shim resets this for itself
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)  # secrets pass through here: no core file, no ptrace
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # processes of a killed supervisor become children of this one
    core = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, core[1]))  # a lower hard limit could not be given back
    note_umask_and_core(os.umask(0o077), core)
    start_of_memory_kills()
    note_oom_score()
    # A collection would write to the headers of all objects, and so copy the pages that forks share with
    # this process.
    gc.disable()
    gc.freeze()


def _hand_over(folder: bytes, message: bytes, idle: Idle) -> bool:
    """Give an order to an idle supervisor; False when there is none.

    The one that was busy last comes first: its memory is most likely still in the caches.
    """
    framed = _HEAD.pack(len(folder), len(message)) + folder + message
    while idle.waiting and len(framed) <= SMALL_ORDER_BYTES:
        said = idle.waiting.pop()
        try:
            os.write(idle.orders[said], framed)
        except OSError:
            continue  # it has just ended, which `_listen` will notice
        idle.given[said] = folder
        return True
    return False


def _fork(folder: bytes, message: bytes, idle: Idle, mine: tuple[int, int, str]) -> None:
    """Fork a new supervisor for an order. If that fails, report the order as not accepted."""
    orders, acks, wake = mine
    pipes: list[int] = []
    try:
        for _ in range(2):
            pipes += os.pipe()
        pid = os.fork()
    except OSError as problem:
        for handle in pipes:
            os.close(handle)
        _acknowledge(acks, folder, problem.errno or 0)
        return
    order_read, order_write, said_read, said_write = pipes
    if pid == 0:
        try:
            for handle in (orders, order_write, said_read, *idle.orders.values(), *idle.given):
                os.close(handle)
            become_supervisor()
            _supervise(message, order_read, said_write, acks, wake)
        finally:
            os._exit(1)
    os.close(order_read)
    os.close(said_write)
    idle.add(said_read, order_write, folder, pid)


def _supervise(message: bytes, orders: int, said: int, acks: int, wake: str) -> None:
    """The life of a supervisor: one attempt after another, until the launcher closes its pipe."""
    rest = bytearray()
    pipe = Wake(wake)
    for number in range(1, ATTEMPTS_EACH + 1):
        shim = Shim(message, pipe)
        shim.run(acks)
        if number == ATTEMPTS_EACH or shim.is_spoilt:
            break  # without a line to `said`: the launcher would give it another order
        try:
            os.write(said, b"\n")
        except OSError:
            break  # the launcher has gone
        while not (found := _read_orders(orders, rest)):
            if found is None:
                os._exit(0)
        _, message = found[0]
    os._exit(0)


def _listen(said: int, idle: Idle, acks: int) -> None:
    """Handle a supervisor that is idle again, or has ended.

    A killed one cannot answer its order: answer for it.
    """
    if os.read(said, 64):
        if len(idle.waiting) < IDLE_KEPT:
            idle.waiting.append(said)
        else:
            idle.drop(said)
        return
    folder, pid = idle.given[said], idle.pids[said]
    _acknowledge(acks, folder)
    _wait_until_gone(pid)
    idle.drop(said)
    ended = end_strangers(set(idle.pids.values()))
    if ended:
        _tell(acks, b"=%d %s\n" % (ended, folder))


def _wait_until_gone(pid: int) -> None:
    """Wait for the end of a process: its children are reparented then, which is
    after its files are closed.
    """
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    poll.poll(GONE_MILLISECONDS)
    os.close(handle)


def _acknowledge(acks: int, folder: bytes, problem: int = 0) -> None:
    """Report that an order is decided. The evidence shows how, to this engine or the next."""
    _tell(acks, b"-%d %s\n" % (problem, folder))


def _tell(acks: int, line: bytes) -> None:
    try:
        os.write(acks, line)
    except OSError:
        pass


def _read_orders(orders: int, rest: bytearray) -> "list[tuple[bytes, bytes]] | None":
    """Read once; return the orders that are complete, each with its attempt's folder. None at the end."""
    part = os.read(orders, READ_BYTES)
    if not part:
        return None
    rest += part
    found = []
    while order := _take(rest):
        found.append(order)
    return found


def _take(rest: bytearray) -> "tuple[bytes, bytes] | None":
    """Remove the first order from what was read and return it; None while it is incomplete."""
    if len(rest) < _HEAD.size:
        return None
    folder_size, size = _HEAD.unpack_from(rest)
    middle = _HEAD.size + folder_size
    end = middle + size
    if len(rest) < end:
        return None
    order = bytes(rest[_HEAD.size : middle]), bytes(rest[middle:end])
    del rest[:end]
    return order
