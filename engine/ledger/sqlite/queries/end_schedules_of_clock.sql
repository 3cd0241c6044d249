-- The clock that these schedules followed was wrong.
update schedule set active_until = covered_until, ended_because = 'clock_rewound' where active_until is null
