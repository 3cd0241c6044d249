-- After a failover, a host gets back only an attempt that its run can still have: not one of a run that is over, nor one
-- that has ended or that a newer attempt has followed.

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

create or replace function worker_reclaim(
  of_run text, of_number bigint, of_step text, of_item bigint, its_needs text, its_lease bigint,
  own_id text, own_process text, own_boot text
) returns setof delivery language plpgsql security definer set search_path from current as $$
begin
  perform refuse_foreign_host(own_id);
  return query
    insert into delivery as known (run_id, number, step, item, needs, state, lease, offered_at, host, process, boot_id,
                                   held_at, lease_until)
    select of_run, of_number, of_step, of_item,
           (select cast(coalesce(json_agg(value), '[]') as text) from json_array_elements_text(cast(its_needs as json))),
           'held', its_lease, now_us(), own_id, own_process, own_boot, now_us(), now_us() + its_lease
    from run
    where run.id = of_run and run.state in ('queued', 'running', 'cancelling', 'retry_wait')
      and not exists (
        select from attempt as other
        where other.run_seq = run.seq and other.step = of_step and other.item = of_item
          and (other.number > of_number or (other.number = of_number and other.ended_at is not null)))
    on conflict (run_id, number, step, item) do update
    set state = 'held', host = excluded.host, process = excluded.process, boot_id = excluded.boot_id,
        held_at = excluded.held_at, lease_until = excluded.lease_until, started_at = null
    where known.state = 'offered'
    returning *;
end $$;
