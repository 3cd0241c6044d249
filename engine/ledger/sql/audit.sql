-- The audit: a chain of records, each with the hash of the one before.

-- name: newest_audit
-- The newest audit record.
select seq, hash from audit order by seq desc limit 1;

-- name: audit_after
-- Audit records after a given one, oldest first.
select * from audit where seq > :seq order by seq limit :limit;

-- name: recent_audit
-- The newest audit records, newest first.
select * from audit order by seq desc limit :limit;

-- name: audit_of
-- The audit records about an object, oldest first.
select * from audit where object = :object order by seq;

-- name: audit_links
-- The whole audit with its hashes, oldest first.
select seq, at, actor, action, object, detail, hash from audit order by seq;

-- name: add_audit
-- Append a record, chained to the one before.
insert into audit (seq, at, actor, action, object, detail, hash)
values (:seq, :at, :actor, :action, :object, :detail, :hash);

-- name: newest_link
-- The record that the next one is chained to. Larger numbers than 2^53 are altered rows; they do not count.
select seq, hash from audit where seq <= 9007199254740992 order by seq desc limit 1;
