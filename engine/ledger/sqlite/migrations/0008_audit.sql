-- Each record of the audit has a hash of itself and of the previous one, so that no record can be edited, removed or
-- inserted unnoticed. Records from before this step are chained as they are now.
create table audit_new (
  seq    integer primary key,
  at     integer not null,
  actor  text    not null,
  action text    not null,
  object text    not null,
  detail text    not null default '',
  hash   text    not null
) strict;
insert into audit_new
with recursive
  record as (select row_number() over (order by seq) as place, at, actor, action, object, detail from audit),
  chain (place, hash) as (
    select 0, ''
    union all
    select r.place, link_hash(c.hash, r.place, r.at, r.actor, r.action, r.object, r.detail)
    from chain c join record r on r.place = c.place + 1
  )
select r.place, r.at, r.actor, r.action, r.object, r.detail, c.hash
from chain c join record r on r.place = c.place order by r.place;
drop table audit;
alter table audit_new rename to audit;
create trigger audit_is_not_changed before update on audit
  begin select raise(abort, 'the audit is only added to'); end;
create trigger audit_is_not_shortened before delete on audit
  begin select raise(abort, 'the audit is only added to'); end;
