-- A new engine takes the next epoch.
insert into session (kind, boot_id, pid, version, started_at, last_seen_at, boot_seconds)
values (:kind, :boot_id, :pid, :version, :now, :now, :boot_seconds)
returning epoch
