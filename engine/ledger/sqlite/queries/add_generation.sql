-- A new generation, numbered after the last one.
insert into generation (number, digest, applied_at, applied_by, main_file, revision, tzdata_version, cron_semantics,
                        plan_id, instead_of, note)
values ((select coalesce(max(number), 0) + 1 from generation where number <= 9007199254740992), :digest, :applied_at, :applied_by, :main_file,
        :revision, :tzdata_version, :cron_semantics, :plan_id, :instead_of, :note)
returning number
