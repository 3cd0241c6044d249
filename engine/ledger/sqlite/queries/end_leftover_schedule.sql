-- A schedule that no version of its job is in force for, or that cannot be read, gives way to a new one.
update schedule set active_until = max(covered_until, :active_from), ended_because = 'schedule_changed',
                    covered_until = max(covered_until, :active_from)
where job = :job and schedule_key = :schedule_key and active_until is null
