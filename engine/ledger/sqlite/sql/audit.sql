-- The audit: a chain of records, each with the hash of the one before.
-- SQLite's own: link_hash is a function that the connection brings.

-- name: add_audit
-- Who changed what, chained to the record before: one writer at a time, so the chain has no fork.
insert into audit (seq, at, actor, action, object, detail, hash)
select newest.seq + 1, :at, :actor, :action, :object, :detail,
       link_hash(newest.hash, newest.seq + 1, :at, :actor, :action, :object, :detail)
from (
  select coalesce(max(seq), 0) as seq,
         coalesce((select hash from audit where seq <= 9007199254740992 order by seq desc limit 1), '') as hash
  from audit where seq <= 9007199254740992
) newest;
