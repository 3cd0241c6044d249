-- A run, or the record that it was not made.
insert into run (id, job, digest, generation, trigger, schedule_key, scheduled_for, params, state, reason, detail,
                 queued_at, not_before, ended_at, concurrency_key, concurrency_limit, requested_by, retry_of)
values (:id, :job, :digest, :generation, :trigger, :schedule_key, :scheduled_for, :params, :state, :reason, :detail,
        :queued_at, :not_before, :ended_at, :concurrency_key, :concurrency_limit, :requested_by, :retry_of)
