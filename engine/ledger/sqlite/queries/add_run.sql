-- Record a run.
insert into run (id, job, digest, generation, trigger, schedule_key, scheduled_for, params, state, reason, detail,
                 queued_at, not_before, start_by, ended_at, concurrency_key, concurrency_limit, requested_by,
                 retry_of, clock_epoch)
values (:id, :job, :digest, :generation, :trigger, :schedule_key, :scheduled_for, :params, :state, :reason, :detail,
        :queued_at, :not_before, :start_by, :ended_at, :concurrency_key, :concurrency_limit, :requested_by,
        :retry_of, :clock_epoch)
