-- After a failover, a host first compares what it has with what the new server knows of it. Here it says with which
-- server it has done that; empty for a host that cannot.
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
