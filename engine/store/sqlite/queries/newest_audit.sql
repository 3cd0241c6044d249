-- The line of the audit that was written last.
select coalesce(max(seq), 0) as seq from audit
