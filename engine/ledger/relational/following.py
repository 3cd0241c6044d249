"""Which jobs follow which, and the ends of runs to act on."""

from collections.abc import Collection, Mapping
from datetime import datetime

from engine.core.following import RunEnd
from engine.core.lifecycle import Run
from engine.ledger.connection import Connection
from engine.ledger.rows import run_from_row, to_us


class LedgerFollowing:
    """Every method that writes runs inside the store's transaction."""

    def __init__(self, connection: Connection) -> None:
        """Take the store's connection."""
        self._db = connection

    def put(self, follower: str, jobs: Collection[str], *, generation: int) -> None:
        known = set(self.upstream(follower))
        for job in known - set(jobs):
            self._db.write("following.unfollow", {"job": job, "follower": follower})
        for job in sorted(set(jobs) - known):
            values = {"job": job, "follower": follower, "generation": generation}
            self._db.write("following.follow", values)

    def upstream(self, job: str) -> Mapping[str, int]:
        rows = self._db.rows("following.followed_by", {"follower": job})
        return {str(row["job"]): int(row["generation"]) for row in rows}

    def oldest_end(self) -> datetime | None:
        return self._db.instant("following.oldest_end")

    def followers(self, job: str, *, generation: int) -> tuple[str, ...]:
        rows = self._db.rows("following.followers", {"job": job, "generation": generation})
        return tuple(str(row["follower"]) for row in rows)

    def ends(self, *, limit: int) -> tuple[RunEnd, ...]:
        rows = self._db.rows("following.ends", {"limit": limit})
        return tuple(RunEnd(row["seq"], row["run_id"], row["generation"]) for row in rows)

    def done(self, end: RunEnd) -> None:
        self._db.write("following.end_done", {"seq": end.seq})

    def runs_at(self, job: str, at: datetime, *, limit: int) -> tuple[Run, ...]:
        return self._db.all(run_from_row, "following.runs_at", {"job": job, "at": to_us(at), "limit": limit})
