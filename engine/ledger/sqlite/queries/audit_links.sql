-- The whole audit with its hashes, oldest first.
select seq, at, actor, action, object, detail, hash from audit order by seq
