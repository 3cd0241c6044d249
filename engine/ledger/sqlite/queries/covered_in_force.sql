-- How far the schedules in force have accounted for time.
select max(covered_until) from schedule where active_until is null and covered_until <= 221845392000000000
