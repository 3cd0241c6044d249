-- Who may use the page and the API.

-- name: grant
-- What the bearer of a secret may do.
select * from access_grant where hash = :hash;

-- name: tokens
-- All tokens, the revoked ones last, by name.
select * from access_grant where kind = 'token' order by ended_at is not null, name, created_at, hash;

-- name: add_grant
-- Record a new token, session or code.
insert into access_grant (hash, kind, name, role, jobs, token, created_at, created_by, expires_at)
values (:hash, :kind, :name, :role, :jobs, :token, :created_at, :created_by, :expires_at);

-- name: note_use
-- Record that a secret was used.
update access_grant set used_at = :now where hash = :hash;

-- name: take_code
-- Delete a code that can still be used: of several that try, one deletes it.
delete from access_grant where hash = :hash and kind = 'code' and expires_at > :now;

-- name: revoke_token
-- End the token of this name.
update access_grant set ended_at = :now where kind = 'token' and name = :name and ended_at is null;

-- name: end_session
-- Delete a session.
delete from access_grant where kind = 'session' and hash = :hash;

-- name: end_sessions_of_token
-- Delete the sessions that were opened with tokens of this name.
delete from access_grant where kind = 'session' and token in (
  select hash from access_grant as t where t.kind = 'token' and t.name = :name);

-- name: end_sessions_of
-- Delete all sessions of a name.
delete from access_grant where kind = 'session' and name = :name;

-- name: drop_expired
-- Delete sessions and codes that have expired.
delete from access_grant where kind <> 'token' and expires_at <= :now;
