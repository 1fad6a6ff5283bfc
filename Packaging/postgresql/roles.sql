-- Steward's two roles, its database and what each may do (docs/operations/postgresql.md). Run it on the leader, as a superuser:
--
--     sudo -u postgres psql -X -v ON_ERROR_STOP=1 -f roles.sql
--
-- Then give each a password: \password steward_owner, \password steward_app. It can be run again; it changes nothing that is right.

-- Owns the schema and changes it, at `steward init` and at upgrades. The servers never hold its password while they serve.
SELECT 'CREATE ROLE steward_owner' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'steward_owner') \gexec
ALTER ROLE steward_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT;

-- What the servers are: reads and writes rows, creates nothing, owns nothing, and is held by row-level security.
SELECT 'CREATE ROLE steward_app' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'steward_app') \gexec
ALTER ROLE steward_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT;

-- Text is compared byte by byte (our columns say COLLATE "C" themselves), so that an upgrade of the system's locales reorders no index.
SELECT 'CREATE DATABASE steward TEMPLATE template0 ENCODING ''UTF8'' LC_COLLATE ''C'' LC_CTYPE ''C''' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'steward') \gexec
REVOKE ALL ON DATABASE steward FROM PUBLIC;
GRANT CONNECT ON DATABASE steward TO steward_app;
-- The owner makes the schema `steward` and says in it what the application's role may do.
GRANT CONNECT, CREATE ON DATABASE steward TO steward_owner;

-- An acknowledged write has reached the disk here and on the synchronous standby: not to be lowered by whoever sets defaults.
ALTER ROLE steward_app IN DATABASE steward SET synchronous_commit = 'on';
ALTER ROLE steward_owner IN DATABASE steward SET synchronous_commit = 'on';

\connect steward
REVOKE ALL ON SCHEMA public FROM PUBLIC;
