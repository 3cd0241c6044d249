-- Engine sessions and their epochs.

-- name: touch_session
-- The engine is alive.
update session set last_seen_at = :now, boot_seconds = :boot_seconds where epoch = :epoch;

-- name: close_session
-- The engine ends normally. The readings of both clocks are kept together: they are compared as a pair at the next
-- start. `boot_seconds` is null when the clock is not believed; then the last good pair stays.
update session set last_seen_at = case when cast(:boot_seconds as double precision) is null then last_seen_at else :now end,
                   boot_seconds = coalesce(:boot_seconds, boot_seconds), ended_at = :now, end_reason = :reason
where epoch = :epoch and ended_at is null;

-- name: newest_epoch
-- The epoch of the newest session, which owns the ledger.
select max(epoch) from session where epoch <= 9007199254740992;

-- name: last_session
-- The engine session that started last.
select * from session where kind = 'engine' and epoch <= 9007199254740992 order by epoch desc limit 1;

-- name: session_before
-- The last session that started at or before an instant.
select * from session where kind = 'engine' and started_at <= :at order by epoch desc limit 1;

-- name: session_after
-- The first session that started after an instant.
select * from session where kind = 'engine' and started_at > :at order by epoch limit 1;

-- name: sessions
-- Every session in the order of its epoch.
select * from session order by epoch;

-- name: open_session
-- A new session takes the next epoch, or a given later one.
insert into session (epoch, kind, boot_id, pid, version, started_at, last_seen_at, boot_seconds)
select case when :at_least > next then :at_least else next end, :kind, :boot_id, :pid, :version, :now, :now, :boot_seconds
from (select coalesce(max(epoch), 0) + 1 as next from session where epoch <= 9007199254740992) as found
returning epoch;
