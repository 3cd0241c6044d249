-- When an attempt was committed to last.
select max(created_at) from attempt
