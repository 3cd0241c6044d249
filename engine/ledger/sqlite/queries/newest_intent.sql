-- When an attempt was committed to last.
select max(created_at) from attempt where created_at <= 221845392000000000
