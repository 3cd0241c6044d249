"""How a supervisor wakes its engine. Imported by the shim: os and nothing else."""

import os


class Wake:
    """The engine's named pipe, open from one attempt to the next. A hint: the engine looks by itself, too."""

    def __init__(self, path: str) -> None:
        """Opened when there is something to tell."""
        self._path = path
        self._pipe = -1

    def tell(self, line: bytes) -> None:
        """Tell whoever listens. Where the pipe leads to nobody any more there may be another in its place."""
        for _ in range(2):
            try:
                if self._pipe < 0:
                    self._pipe = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
                os.write(self._pipe, line)
            except BlockingIOError:
                return  # there is enough to read already
            except OSError:
                self._close()
            else:
                return

    def _close(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
