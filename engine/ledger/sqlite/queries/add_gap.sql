-- Record many occurrences in a row that did not run.
insert into gap (schedule_id, job, first_at, last_at, count, state, reason, detail, generation, epoch, recorded_at)
values (:schedule_id, :job, :first_at, :last_at, :count, :state, :reason, :detail, :generation, :epoch, :recorded_at)
