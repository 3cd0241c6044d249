"""The launcher as a program: `python -I -S engine/supervisor/__main__.py ORDERS ACKS WAKE`.

ORDERS and ACKS are descriptors that the engine passes; WAKE is the path of its named pipe.
"""

import os
import sys

# -I and -S leave only the standard library on the path: no environment variable, site package or file in the
# current folder can change what runs here. The folder of this package is appended, so it cannot shadow a
# module.
sys.path.append(__file__.rsplit("/", 3)[0])

from engine.supervisor.launcher import launcher

if __name__ == "__main__":
    launcher(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    os._exit(0)
