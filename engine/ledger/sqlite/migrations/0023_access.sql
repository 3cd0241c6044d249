-- Who may use the page and the API: tokens, the sessions of browsers, and codes that open one. Only the hash of each secret
-- is kept.
create table access_grant (
  hash       text    not null primary key,
  kind       text    not null,
  name       text    not null,
  role       text    not null,
  jobs       text    not null,
  token      text    not null default '',
  created_at integer not null,
  created_by text    not null,
  expires_at integer,
  used_at    integer,
  ended_at   integer
) strict, without rowid;
create unique index access_grant_token on access_grant (name) where kind = 'token' and ended_at is null;
create index access_grant_session on access_grant (token) where kind = 'session';
create index access_grant_expires on access_grant (expires_at) where expires_at is not null;
