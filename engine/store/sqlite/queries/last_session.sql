-- The engine session that started last.
select * from session where kind = 'engine' order by epoch desc limit 1
