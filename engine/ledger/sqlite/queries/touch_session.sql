-- The engine was alive at this moment.
update session set last_seen_at = :now, boot_seconds = :boot_seconds where epoch = :epoch
