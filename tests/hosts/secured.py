"""A PostgreSQL server with TLS, passwords, and the users of a ledger that several hosts share."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg

from engine.ledger.opening import roles_text
from tests.postgres_servers import NOBODY, Server, a_server
from tests.web_servers import Certificates, make_certificates

MEMBERS = {
    "scheduler": "jobfile_leader",
    "bergen": "jobfile_worker",
    "oslo": "jobfile_worker",
    "anna": "jobfile_reader",
}
"""A user for each scheduler, host and person, with its role."""
PASSWORD = "words-of-{}-for-the-ledger"
SETTINGS = """\
listen_addresses = 'localhost'
port = {port}
ssl = on
ssl_cert_file = 'server.pem'
ssl_key_file = 'server.key'
fsync = off
synchronous_commit = off
"""
RULES = """\
local all jobfile trust
local old before trust
hostssl all all localhost scram-sha-256
"""


class Secured(NamedTuple):
    """A server that one can only reach with TLS, and with a password but for its superuser."""

    server: Server
    port: int
    certificates: Certificates

    def url(self, user: str, *, host: str = "localhost", authority: Path | None = None) -> str:
        """The URL of the ledger for a user; the password is in the file of `passfile`."""
        where = f"{host}:{self.port}/shop?sslmode=verify-full&hostaddr=127.0.0.1"
        return f"postgresql://{user}@{where}&sslrootcert={authority or self.certificates.authority}"

    def superuser(self, database: str = "shop") -> psycopg.Connection:
        return psycopg.connect(f"{self.server.url(database)}&port={self.port}", autocommit=True)

    @property
    def passfile(self) -> Path:
        return self.certificates.authority.parent / "pgpass"


@contextmanager
def secured(folder: Path) -> Iterator[Secured]:
    """A running server, with the roles of a ledger and their users, but with no ledger yet."""
    certificates = make_certificates(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with a_server(
        settings=SETTINGS.format(port=port), prepare=lambda data: _put(data, certificates)
    ) as server:
        made = Secured(server, port, certificates)
        with made.superuser("postgres") as first:
            first.execute("create database shop")
        make_roles(made)
        lines = [f"*:*:*:{user}:{PASSWORD.format(user)}\n" for user in MEMBERS]
        made.passfile.write_text("".join(lines))
        made.passfile.chmod(0o600)
        yield made


def make_roles(made: Secured) -> None:
    """What an administrator does, as docs/scale.md says."""
    with made.superuser() as db:
        db.execute(roles_text().encode())
        for user, role in MEMBERS.items():
            db.execute(f"create role {user} login password '{PASSWORD.format(user)}' in role {role}")
        db.execute("alter role scheduler set role = jobfile_leader")


def _put(data: Path, certificates: Certificates) -> None:
    (data / "pg_hba.conf").write_text(RULES)
    both = certificates.good.read_text()
    for name, content in {"server.pem": both, "server.key": both[both.index("-----BEGIN PRIVATE") :]}.items():
        (data / name).write_text(content)
        (data / name).chmod(0o600)
        if os.geteuid() == 0:
            os.chown(data / name, NOBODY, NOBODY)
