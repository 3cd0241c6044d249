-- A schedule comes into force: its coverage starts here, and nothing before is due.
insert into schedule (job, schedule_key, rule, generation, active_from, covered_until)
values (:job, :schedule_key, :rule, :generation, :active_from, :active_from)
