-- The zone rules that generations were applied with, those of the one in force first.
select tzdata_version from generation group by tzdata_version order by max(number) desc
