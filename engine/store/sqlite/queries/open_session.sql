-- A started engine takes the next epoch.
insert into session (kind, boot_id, pid, version, started_at, last_seen_at)
values (:kind, :boot_id, :pid, :version, :now, :now)
returning epoch
