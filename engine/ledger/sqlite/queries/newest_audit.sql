-- The record of the audit that was written last.
select seq, hash from audit order by seq desc limit 1
