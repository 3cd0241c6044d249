-- What a host writes, as functions. A worker's role has the right to call them and no right to write a table, so it can
-- write nothing else. Each function checks that the host is one of that role. They have the rights of the tables' owner
-- and look up names in the ledger's own schema only.

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

alter table host add column role text collate "C" not null default '';

-- Whether the user has all rights of the ledger's owner anyway: then no host is foreign.
create function is_owner() returns boolean language sql stable security definer set search_path from current
  as $$ select pg_has_role(session_user, current_user, 'member') $$;

create function refuse_foreign_host(id_of_host text) returns void
  language plpgsql stable security definer set search_path from current as $$
begin
  if is_owner() or exists (select from host where id = id_of_host and role = session_user) then
    return;
  end if;
  raise exception 'the host % does not belong to the database user %', id_of_host, session_user using errcode = 'JF001';
end $$;

-- Whether a run has an attempt of a host of this user: then its output may be read.
create function is_run_of_user(id_of_run text) returns boolean
  language sql stable security definer set search_path from current as $$
  select exists (
    select from delivery join host on host.id = delivery.host
    where delivery.run_id = id_of_run and host.role = session_user
  )
$$;

create function worker_appear(
  own_id text, own_name text, own_process text, own_boot text, own_version text, own_labels text, own_slots bigint
) returns boolean language plpgsql security definer set search_path from current as $$
declare
  other host%rowtype;
  answer boolean;
begin
  select * into other from host
  where (id = own_id or name = own_name) and role not in ('', session_user) and not is_owner() limit 1;
  if found and other.id = own_id then
    raise exception 'the host % belongs to the database user %, and this is %; ask the owner of the tables to run  update host set role = % where id = %',
      other.name, other.role, session_user, quote_literal(session_user), quote_literal(own_id) using errcode = 'JF001';
  elsif found then
    raise exception 'a host of the database user % has the name %; give this one a name of its own with  --name',
      other.role, own_name using errcode = 'JF001';
  end if;
  insert into host (id, name, process, boot_id, version, labels, slots, seen_at, role)
  values (own_id, own_name, own_process, own_boot, own_version, own_labels, own_slots, now_us(), session_user)
  on conflict (id) do update
  set name = excluded.name, process = excluded.process, boot_id = excluded.boot_id, version = excluded.version,
      labels = excluded.labels, slots = excluded.slots, seen_at = excluded.seen_at, ended_at = null, role = excluded.role
  where is_owner() or host.role in ('', excluded.role)
  returning is_draining into strict answer;
  return answer;
end $$;

create function worker_sign(
  own_id text, own_process text, own_skew bigint, own_free_bytes bigint, own_trouble text
) returns table (draining boolean, at bigint) language plpgsql security definer set search_path from current as $$
begin
  perform refuse_foreign_host(own_id);
  return query
    update host set seen_at = now_us(), skew = own_skew, free_bytes = own_free_bytes, trouble = own_trouble
    where id = own_id and process = own_process
    returning is_draining, now_us();
end $$;

create function worker_leave(own_id text, own_process text) returns void
  language plpgsql security definer set search_path from current as $$
begin
  perform refuse_foreign_host(own_id);
  update host set ended_at = now_us(), seen_at = now_us() where id = own_id and process = own_process;
end $$;

create function worker_take(
  of_run text, of_number bigint, of_step text, of_item bigint, own_id text, own_process text, own_boot text
) returns setof delivery language plpgsql security definer set search_path from current as $$
begin
  perform refuse_foreign_host(own_id);
  return query
    update delivery
    set state = 'held', host = own_id, process = own_process, boot_id = own_boot, held_at = now_us(),
        lease_until = now_us() + lease, started_at = null
    where run_id = of_run and number = of_number and step = of_step and item = of_item and state = 'offered'
      and not exists (select from host where id = own_id and is_draining)
    returning *;
end $$;

create function worker_renew(own_id text, own_process text, own_boot text) returns setof delivery
  language plpgsql security definer set search_path from current as $$
begin
  perform refuse_foreign_host(own_id);
  return query
    update delivery set lease_until = now_us() + lease, process = own_process
    where host = own_id and boot_id = own_boot and state = 'held'
    returning *;
end $$;

create function worker_begin(
  of_run text, of_number bigint, of_step text, of_item bigint, own_id text, begun_at bigint
) returns setof text language plpgsql security definer set search_path from current as $$
begin
  perform refuse_foreign_host(own_id);
  return query
    update delivery set started_at = begun_at
    where run_id = of_run and number = of_number and step = of_step and item = of_item
      and host = own_id and state = 'held' and started_at is null
    returning run_id;
end $$;

create function worker_give_back(of_run text, of_number bigint, of_step text, of_item bigint, own_id text)
  returns setof text language plpgsql security definer set search_path from current as $$
begin
  perform refuse_foreign_host(own_id);
  return query
    update delivery
    set state = 'offered', host = '', process = '', boot_id = '', held_at = null, lease_until = null,
        offered_at = now_us()
    where run_id = of_run and number = of_number and step = of_step and item = of_item
      and host = own_id and state = 'held' and started_at is null
    returning run_id;
end $$;

create function worker_report(
  of_run text, of_number bigint, of_step text, of_item bigint, own_id text, own_outcome text
) returns setof text language plpgsql security definer set search_path from current as $$
begin
  perform refuse_foreign_host(own_id);
  return query
    update delivery set state = 'ended', outcome = own_outcome, ended_at = now_us()
    where run_id = of_run and number = of_number and step = of_step and item = of_item
      and host = own_id and state = 'held'
    returning run_id;
end $$;

create function worker_report_late(
  of_run text, of_number bigint, of_step text, of_item bigint, own_id text, own_outcome text
) returns setof text language plpgsql security definer set search_path from current as $$
begin
  perform refuse_foreign_host(own_id);
  return query
    update delivery set late = own_outcome
    where run_id = of_run and number = of_number and step = of_step and item = of_item
      and host = own_id and state = 'ended'
    returning run_id;
end $$;

create function worker_append(
  own_id text, of_runs text[], of_numbers bigint[], of_steps text[], of_items bigint[],
  copies bigint[], seqs bigint[], sizes bigint[], contents bytea[]
) returns setof bigint language plpgsql security definer set search_path from current as $$
begin
  perform refuse_foreign_host(own_id);
  return query
    insert into output_chunk (run_id, number, step, item, copy, seq, size, packed)
    select new.run_id, new.number, new.step, new.item, new.copy, new.seq, new.size, new.packed
    from unnest(of_runs, of_numbers, of_steps, of_items, copies, seqs, sizes, contents)
      as new (run_id, number, step, item, copy, seq, size, packed)
    join delivery as d
      on d.run_id = new.run_id and d.number = new.number and d.step = new.step and d.item = new.item and d.host = own_id
    join run on run.id = new.run_id
    on conflict (run_id, number, step, item, copy, seq) do update
    set size = excluded.size, packed = excluded.packed where output_chunk.size < excluded.size
    returning output_chunk.seq;
end $$;

create function worker_drop_passed(
  own_id text, of_run text, of_number bigint, of_step text, of_item bigint, first_seq bigint, before_seq bigint
) returns setof bigint language plpgsql security definer set search_path from current as $$
begin
  perform refuse_foreign_host(own_id);
  return query
    delete from output_chunk as chunk
    using delivery as d
    where d.run_id = of_run and d.number = of_number and d.step = of_step and d.item = of_item and d.host = own_id
      and chunk.run_id = of_run and chunk.number = of_number and chunk.step = of_step and chunk.item = of_item
      and chunk.copy = 0 and chunk.seq >= first_seq and chunk.seq < before_seq
    returning chunk.seq;
end $$;

-- Without this, all users could call them; rights.sql gives them to workers.
do $$
declare
  one record;
begin
  for one in
    select oid::regprocedure as name from pg_proc
    where pronamespace = quote_ident(current_schema())::regnamespace and prosecdef
      and proname like any (array['worker\_%', 'refuse\_foreign\_host', 'is\_run\_of\_user'])
  loop
    execute format('revoke execute on function %s from public', one.name);
  end loop;
end $$;
