-- The last session that was alive before an instant.
select * from session where kind = 'engine' and started_at <= :at order by epoch desc limit 1
