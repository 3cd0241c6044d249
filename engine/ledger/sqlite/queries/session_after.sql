-- The first session that started after an instant.
select * from session where kind = 'engine' and started_at > :at order by epoch limit 1
