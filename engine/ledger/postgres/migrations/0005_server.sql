-- After a failover, a host first compares what it has with what the new server knows of it.

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- With which server a host has compared; empty for one that cannot.
alter table host add column server text collate "C" not null default '';

-- The server, and its timeline, which is another one when a standby has taken over. Empty for a standby, and where a
-- service does not say.
create function server_now() returns text language plpgsql volatile as $$
begin
  if pg_is_in_recovery() then
    return '';
  end if;
  return (select system_identifier from pg_control_system()) || '/'
         || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8);
exception when others then
  return '';
end $$;

-- Hosts of the version before use the functions of the same names with fewer parameters.
create function worker_sign(
  own_id text, own_process text, own_skew bigint, own_free_bytes bigint, own_trouble text, own_lack text,
  own_server text
) returns table (draining boolean, at bigint) language plpgsql security definer set search_path from current as $$
begin
  perform refuse_foreign_host(own_id);
  return query
    update host
    set seen_at = now_us(), skew = own_skew, free_bytes = own_free_bytes, trouble = own_trouble, lack = own_lack,
        server = own_server
    where id = own_id and process = own_process
    returning is_draining, now_us();
end $$;

-- After a failover, another host may have the attempt, which the new server does not know: until each has said what it
-- has, or must have ended it. Its last sign may be later than the one that is known, by `behind`.
create function worker_take(
  of_run text, of_number bigint, of_step text, of_item bigint, own_id text, own_process text, own_boot text,
  behind bigint
) returns setof delivery language plpgsql security definer set search_path from current as $$
begin
  perform refuse_foreign_host(own_id);
  return query
    update delivery
    set state = 'held', host = own_id, process = own_process, boot_id = own_boot, held_at = now_us(),
        lease_until = now_us() + lease, started_at = null
    where run_id = of_run and number = of_number and step = of_step and item = of_item and state = 'offered'
      and not exists (select from host where id = own_id and is_draining)
      and not exists (
        select from host as other, server_now() as now
        where now <> '' and other.server not in ('', now) and other.seen_at + delivery.lease + behind > now_us())
    returning *;
end $$;

create function worker_reclaim(
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
    where exists (select from run where id = of_run)
    on conflict (run_id, number, step, item) do update
    set state = 'held', host = excluded.host, process = excluded.process, boot_id = excluded.boot_id,
        held_at = excluded.held_at, lease_until = excluded.lease_until, started_at = null
    where known.state = 'offered'
    returning *;
end $$;

-- Without this, all users could call them; rights.sql gives them to workers.
do $$
declare
  one record;
begin
  for one in
    select oid::regprocedure as name from pg_proc
    where pronamespace = quote_ident(current_schema())::regnamespace and prosecdef and proname like 'worker\_%'
  loop
    execute format('revoke execute on function %s from public', one.name);
  end loop;
end $$;
