-- Engine sessions: the statement that only SQLite understands, because of its max() of two values.

-- name: open_session
-- A new session takes the next epoch.
insert into session (epoch, kind, boot_id, pid, version, started_at, last_seen_at, boot_seconds)
values (max(:at_least, (select coalesce(max(epoch), 0) + 1 from session where epoch <= 9007199254740992)), :kind, :boot_id, :pid, :version, :now, :now, :boot_seconds)
returning epoch;
