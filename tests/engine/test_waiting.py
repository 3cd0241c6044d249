"""The main thread notices a signal that another thread has got."""

import subprocess
import sys
import threading

from engine.host.waiting import wait_for

PROGRAM = """
import signal, threading
from engine.host.waiting import wait_for

ended, is_there = threading.Event(), threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ended.set())


def other():
    is_there.wait()
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)


threading.Thread(target=other, daemon=True).start()
threading.Timer(0.2, is_there.set).start()
print(wait_for(ended), flush=True)
"""


def test_a_signal_that_another_thread_has_got_ends_the_waiting() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "True\n"


def test_it_waits_as_an_event_does() -> None:
    event = threading.Event()
    assert not wait_for(event, 0)
    assert not wait_for(event, 0.01)
    event.set()
    assert wait_for(event, 0)
    assert wait_for(event)
