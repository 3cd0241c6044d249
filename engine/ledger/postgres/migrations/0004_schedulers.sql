-- Engines that lead or wait to lead, each as it says of itself; what else hosts say; and the output of an engine
-- without hosts. Functions of 0003 stay for hosts of an older version, which finish what they have.

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

create table scheduler (
  id       text collate "C" primary key,
  name     text collate "C" not null,
  process  text collate "C" not null,
  version  text collate "C" not null,
  carrier  text collate "C" not null,
  seen_at  bigint not null,
  ended_at bigint
);

alter table host add column carrier text collate "C" not null default '';
alter table host add column lack text collate "C" not null default '';

create function worker_appear(
  own_id text, own_name text, own_process text, own_boot text, own_version text, own_labels text, own_slots bigint,
  own_carrier text
) returns boolean language plpgsql security definer set search_path from current as $$
declare
  answer boolean;
begin
  answer := worker_appear(own_id, own_name, own_process, own_boot, own_version, own_labels, own_slots);
  update host set carrier = own_carrier where id = own_id and process = own_process;
  return answer;
end $$;

create function worker_sign(
  own_id text, own_process text, own_skew bigint, own_free_bytes bigint, own_trouble text, own_lack text
) returns table (draining boolean, at bigint) language plpgsql security definer set search_path from current as $$
begin
  perform refuse_foreign_host(own_id);
  return query
    update host
    set seen_at = now_us(), skew = own_skew, free_bytes = own_free_bytes, trouble = own_trouble, lack = own_lack
    where id = own_id and process = own_process
    returning is_draining, now_us();
end $$;

create function worker_leading_carrier() returns text
  language sql stable security definer set search_path from current as $$
  select carrier from scheduler join leader on leader.holder = scheduler.process
$$;

-- Whether a host has or had an attempt. An engine without hosts has an empty name, which only the owner of the tables
-- may use, and all attempts that were never offered to hosts.
create function is_attempt_of(own_id text, of_run text, of_number bigint, of_step text, of_item bigint) returns boolean
  language sql stable set search_path from current as $$
  select exists (
    select from delivery as d
    where d.run_id = of_run and d.number = of_number and d.step = of_step and d.item = of_item and d.host = own_id
  ) or (own_id = '' and not exists (
    select from delivery as d
    where d.run_id = of_run and d.number = of_number and d.step = of_step and d.item = of_item
  ))
$$;

create or replace function worker_append(
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
    join run on run.id = new.run_id
    where is_attempt_of(own_id, new.run_id, new.number, new.step, new.item)
    on conflict (run_id, number, step, item, copy, seq) do update
    set size = excluded.size, packed = excluded.packed where output_chunk.size < excluded.size
    returning output_chunk.seq;
end $$;

create or replace function worker_drop_passed(
  own_id text, of_run text, of_number bigint, of_step text, of_item bigint, first_seq bigint, before_seq bigint
) returns setof bigint language plpgsql security definer set search_path from current as $$
begin
  perform refuse_foreign_host(own_id);
  return query
    delete from output_chunk as chunk
    where is_attempt_of(own_id, of_run, of_number, of_step, of_item)
      and chunk.run_id = of_run and chunk.number = of_number and chunk.step = of_step and chunk.item = of_item
      and chunk.copy = 0 and chunk.seq >= first_seq and chunk.seq < before_seq
    returning chunk.seq;
end $$;

revoke execute on function worker_appear(text, text, text, text, text, text, bigint, text) from public;
revoke execute on function worker_sign(text, text, bigint, bigint, text, text) from public;
revoke execute on function worker_leading_carrier() from public;
revoke execute on function is_attempt_of(text, text, bigint, text, bigint) from public;
