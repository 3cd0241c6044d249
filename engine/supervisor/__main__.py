"""The launcher as a program of its own: `python -I -S engine/supervisor/__main__.py ORDERS ACKS WAKE`."""

import os
import sys

# With -I and -S only the standard library is found. The folder of this package comes after it.
sys.path.append(__file__.rsplit("/", 3)[0])

from engine.supervisor.launcher import launcher

if __name__ == "__main__":
    launcher(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    os._exit(0)
