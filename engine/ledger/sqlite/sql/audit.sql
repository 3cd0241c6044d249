-- The audit: the statement that only SQLite understands, because connection.py defines the function link_hash.

-- name: add_audit
-- Append a record, chained to the one before. SQLite allows one writer at a time, so the chain cannot fork.
insert into audit (seq, at, actor, action, object, detail, hash)
select newest.seq + 1, :at, :actor, :action, :object, :detail,
       link_hash(newest.hash, newest.seq + 1, :at, :actor, :action, :object, :detail)
from (
  select coalesce(max(seq), 0) as seq,
         coalesce((select hash from audit where seq <= 9007199254740992 order by seq desc limit 1), '') as hash
  from audit where seq <= 9007199254740992
) newest;
