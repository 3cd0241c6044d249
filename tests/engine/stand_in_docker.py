"""Stands in for docker: a client, and a daemon whose containers are processes outside of the client's tree.

`stand_in_docker.py daemon FOLDER` or `stand_in_docker.py client FOLDER WORDS…`.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

ABSENT = "absent"
"""An image that cannot be fetched."""
GREEDY = "greedy"
"""An image whose containers are said to have been killed for their memory."""


def daemon(folder: Path) -> None:
    """Serve until killed; `ready` says when."""
    made: dict[str, subprocess.Popen[bytes]] = {}
    images: dict[str, str] = {}
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(folder / "socket"))
    server.listen(64)
    (folder / "ready").touch()
    while True:
        client, _ = server.accept()
        threading.Thread(target=_serve, args=(client, made, images), daemon=True).start()


def _serve(client: socket.socket, made: dict[str, subprocess.Popen[bytes]], images: dict[str, str]) -> None:
    message, handles, _, _ = socket.recv_fds(client, 1_000_000, 2)
    asked = json.loads(message)
    name, code, says = asked["name"], 0, ""
    one = made.get(name)
    if asked["do"] == "run":
        images[name] = asked["image"]
        if asked["image"] == ABSENT:
            code, says = 125, "docker: pull access denied\n"
        elif one is not None:
            code, says = 125, f"docker: the name {name} is in use\n"
        else:
            env = {key: value.encode("utf-8", "surrogateescape") for key, value in asked["env"].items()}
            one = made[name] = subprocess.Popen(
                asked["argv"],
                env=env,
                cwd=asked["folder"],
                stdin=subprocess.DEVNULL,
                stdout=handles[0],
                stderr=handles[1],
                start_new_session=True,
            )
            code = one.wait()
            code = 128 - code if code < 0 else code
    elif asked["do"] == "inspect":
        code, says = (0, f"{images[name] == GREEDY}\n".lower()) if one else (1, "[]\nno such object\n")
    elif one is not None:
        if asked["do"] == "signal":
            one.send_signal(asked["signal"])
        if asked["do"] in ("stop", "rm") and one.poll() is None:
            os.killpg(one.pid, signal.SIGTERM if asked["do"] == "stop" else signal.SIGKILL)
            try:
                one.wait(asked["seconds"])
            except subprocess.TimeoutExpired:
                os.killpg(one.pid, signal.SIGKILL)
        if asked["do"] == "rm":
            del made[name]
    if says and handles:
        os.write(handles[1], says.encode())
    client.send(json.dumps([code, says]).encode())
    client.close()
    for handle in handles:
        os.close(handle)


def client(folder: Path, words: list[str]) -> int:
    """One command, which is also noted with the names of its variables."""
    with (folder / "calls").open("a") as calls:
        calls.write(json.dumps(words) + "\n")
    if words[0] == "run":
        return _run(folder, words[1:])
    name = words[-1]
    seconds = float(words[2]) if words[0] == "stop" else 5.0
    code, says = _ask(folder, {"do": words[0], "name": name, "seconds": seconds})
    sys.stdout.write(says)
    return code


def _run(folder: Path, words: list[str]) -> int:
    options = [one.partition("=")[::2] for one in words if one.startswith("--")]
    count = next(at for at, one in enumerate(words) if not one.startswith("--"))
    given = dict(options[:count])
    image, *arguments = words[count:]
    names = [value for option, value in options[:count] if option == "--env"]
    env = {name: os.environ[name] for name in names if name in os.environ}
    name = given["--name"]

    def pass_on(number: int, _frame: object) -> None:
        _ask(folder, {"do": "signal", "name": name, "signal": number})

    signal.signal(signal.SIGTERM, pass_on)
    asked = {
        "do": "run",
        "name": name,
        "image": image,
        "argv": [given["--entrypoint"], *arguments],
        "env": {"PATH": "/usr/bin:/bin", **env},
        "folder": given["--workdir"],
    }
    return _ask(folder, asked, 1, 2)[0]


def _ask(folder: Path, asked: dict[str, object], *handles: int) -> tuple[int, str]:
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(str(folder / "socket"))
        socket.send_fds(server, [json.dumps(asked).encode()], handles)
        code, says = json.loads(server.recv(65_536))
    return code, says


if __name__ == "__main__":
    mode, place, *rest = sys.argv[1:]
    if mode == "daemon":
        daemon(Path(place))
    sys.exit(client(Path(place), rest))
