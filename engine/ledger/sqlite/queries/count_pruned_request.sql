-- A run that a person asked for is pruned.
insert into pruned_request (job, quarter, state, count) values (:job, :quarter, :state, 1)
on conflict (job, quarter, state) do update set count = count + 1
