-- The audit: a chain of records, each with the hash of the one before.

-- name: newest_audit
-- The record of the audit that was written last.
select seq, hash from audit order by seq desc limit 1;

-- name: audit_after
-- What was done after a line of the audit, oldest first.
select * from audit where seq > :seq order by seq limit :limit;

-- name: recent_audit
-- What was done last, the newest first.
select * from audit order by seq desc limit :limit;

-- name: audit_of
-- What people did about an object.
select * from audit where object = :object order by seq;

-- name: audit_links
-- The whole audit with its hashes, oldest first.
select seq, at, actor, action, object, detail, hash from audit order by seq;
