"""The launcher process: hands each order to a supervisor. __main__.py starts it.

It is small and has one thread, so it can be forked safely; the engine starts it before it has threads
itself. A supervisor (a shim) is forked for an order, outlives the launcher and the engine, and may take the
next order when its attempt is over: it has one at a time, always, and a fork and the first touch of its
memory are spared.

Standard library only, and of that little: every import here is memory of each running job.
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
"""Supervisors that wait for their next order; more of them end."""
IDLE_SECONDS: Final = 10.0
"""After this long without an order no supervisor waits any more."""
ATTEMPTS_EACH: Final = 1_000
"""A supervisor ends after this number of attempts, to free the memory that it has gathered."""
SMALL_ORDER_BYTES: Final = 32_768
"""What a pipe takes at once; a larger order goes to a new supervisor, with its memory."""
READ_BYTES: Final = 65_536
_HEAD: Final = struct.Struct("!II")
GONE_MILLISECONDS: Final = 200
"""How long a process that has closed its files may take to leave its children to this one."""
_PR_SET_DUMPABLE: Final = 4
_PR_SET_CHILD_SUBREAPER: Final = 36


class Idle:
    """What the launcher knows of its supervisors: which wait, and what each was given last."""

    def __init__(self, orders: int) -> None:
        """There are none yet. What wakes the launcher is an order, and that a supervisor has ended.

        That one waits again is looked up when there is an order for it: that is a wake less for each.
        """
        self.orders: dict[int, int] = {}
        self.pids: dict[int, int] = {}
        self.given: dict[int, bytes] = {}
        self.waiting: list[int] = []
        self.wakes, self.said = select.poll(), select.poll()
        self.wakes.register(orders, select.POLLIN)

    def add(self, said: int, orders: int, folder: bytes, pid: int) -> None:
        """A supervisor was forked for an attempt; `said` is read, `orders` written."""
        self.orders[said], self.given[said], self.pids[said] = orders, folder, pid
        self.wakes.register(said, 0)  # its end is always reported: poll(2)
        self.said.register(said, select.POLLIN)

    def drop(self, said: int) -> None:
        """Let a supervisor end, or take note that it has."""
        self.wakes.unregister(said)
        self.said.unregister(said)
        os.close(self.orders.pop(said))
        os.close(said)
        del self.given[said], self.pids[said]
        if said in self.waiting:
            self.waiting.remove(said)


def launcher(orders: int, acks: int, wake: str) -> None:
    """Hand out orders until the engine has gone."""
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
    """Be as alone as if nobody had started this process: it inherits no blocked and no ignored signal."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, lambda _number, _frame: None)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps shims; each resets this for its job
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)  # secrets pass through here
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what a supervisor that is killed leaves comes here
    core = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, core[1]))  # a lower hard limit could not be given back
    note_umask_and_core(os.umask(0o077), core)
    start_of_memory_kills()
    note_oom_score()
    gc.disable()
    gc.freeze()


def _hand_over(folder: bytes, message: bytes, idle: Idle) -> bool:
    """Give an order to a supervisor that waits, the one that ran last first; False when there is none."""
    framed = _HEAD.pack(len(folder), len(message)) + folder + message
    while idle.waiting and len(framed) <= SMALL_ORDER_BYTES:
        said = idle.waiting.pop()
        try:
            os.write(idle.orders[said], framed)
        except OSError:
            continue  # it has just ended; its end is heard of next
        idle.given[said] = folder
        return True
    return False


def _fork(folder: bytes, message: bytes, idle: Idle, mine: tuple[int, int, str]) -> None:
    """Start one more supervisor. If the system cannot, the attempt is reported as not accepted."""
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
    """The life of a supervisor: one attempt after the other, until nobody has one for it."""
    rest = bytearray()
    pipe = Wake(wake)
    for number in range(1, ATTEMPTS_EACH + 1):
        Shim(message, pipe).run(acks)
        if number == ATTEMPTS_EACH:
            break  # without a word: who says that it waits is given an order
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
    """A supervisor waits again, or has ended; of one that was killed nobody else could tell the engine."""
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
    """What a process leaves has a new parent once its handle is readable, not once its files are closed."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    poll.poll(GONE_MILLISECONDS)
    os.close(handle)


def _acknowledge(acks: int, folder: bytes, problem: int = 0) -> None:
    """Report that an order is decided: its folder has the result, for this engine or the next."""
    _tell(acks, b"-%d %s\n" % (problem, folder))


def _tell(acks: int, line: bytes) -> None:
    try:
        os.write(acks, line)
    except OSError:
        pass


def _read_orders(orders: int, rest: bytearray) -> "list[tuple[bytes, bytes]] | None":
    """Those that one read completes, each with its attempt's folder; None when the other end is closed."""
    part = os.read(orders, READ_BYTES)
    if not part:
        return None
    rest += part
    found = []
    while order := _take(rest):
        found.append(order)
    return found


def _take(rest: bytearray) -> "tuple[bytes, bytes] | None":
    """The next order, taken from what was read, if it is there whole."""
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
