-- Something happened to the engine.
insert into incident (kind, began_at, ended_at, detail, occurrences, jobs, recorded_at)
values (:kind, :began_at, :ended_at, :detail, :occurrences, :jobs, :recorded_at)
