-- Notifications that are owed and may be tried now: of each job and channel only the oldest, so that order is kept.
select * from outbox as one
where one.sent_at is null and one.next_try_at <= :now
  and not exists (select 1 from outbox as older where older.sent_at is null and older.job = one.job
                    and older.channel = one.channel and (older.at, older.id) < (one.at, one.id))
order by one.at, one.id limit :limit
