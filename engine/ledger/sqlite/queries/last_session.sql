-- The engine session that started last.
select * from session where kind = 'engine' and epoch <= 9007199254740992 order by epoch desc limit 1
