-- A gap record stands for a run that is pruned, with the state that it had.
insert into gap (schedule_id, job, first_at, last_at, count, state, reason, detail, generation, epoch, recorded_at,
                 pruned_at, ran)
values (:schedule_id, :job, :last_at, :last_at, 1, :state, :reason, :detail, :generation, :epoch, :recorded_at, :now,
        :ran)
