-- The files are good again.
update rejection set resolved_at = :now where resolved_at is null
