-- Engines that lead or wait to lead, each as it says of itself; and what else hosts say.

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
