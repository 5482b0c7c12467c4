-- Row-level security: whose transaction this is, and how tables and functions are guarded.
-- Run before the tables are made, and again by every upgrade: all of it can be repeated.

-- The tenant of this transaction, or NULL without one.
CREATE OR REPLACE FUNCTION current_tenant() RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT nullif(current_setting('precedent.tenant_id', true), '')::integer $$;

-- Gives the application a right. Its role has another name in each database of a server; an upgrade sets it.
CREATE OR REPLACE FUNCTION grant_to_app(rights text, what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('GRANT %s ON %s TO %I', rights, what, current_setting('precedent.app_role'));
END
$$;

-- Puts a table that has a `tenant_id` under row-level security, forced so that its owner is no exception, and gives the
-- application the rights on it. The policy writes out what current_tenant() does: a function in it would be expanded
-- anew in every statement. The sub-select is evaluated once a statement, not once a row.
CREATE OR REPLACE FUNCTION secure_table(guarded regclass, rights text DEFAULT 'SELECT, INSERT, UPDATE, DELETE')
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', guarded);
  EXECUTE format(
    'CREATE POLICY tenant_rows ON %s USING (tenant_id = '
    '(SELECT nullif(current_setting(''precedent.tenant_id'', true), '''')::integer))', guarded);
  PERFORM grant_to_app(rights, guarded::text);
END
$$;

-- The same for a table whose rows may belong to the platform as a whole: those have no tenant, and a transaction without
-- a tenant sees them alone. A table without `tenant_id` has no other rows.
CREATE OR REPLACE FUNCTION secure_platform_table(
  guarded regclass, rights text DEFAULT 'SELECT, INSERT, UPDATE, DELETE'
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  condition text := '(SELECT nullif(current_setting(''precedent.tenant_id'', true), '''') IS NULL)';
BEGIN
  IF EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = guarded AND a.attname = 'tenant_id') THEN
    PERFORM secure_table(guarded, rights);
    condition := 'tenant_id IS NULL AND ' || condition;
  ELSE
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', guarded);
    PERFORM grant_to_app(rights, guarded::text);
  END IF;
  EXECUTE format('CREATE POLICY platform_rows ON %s USING (%s)', guarded, condition);
END
$$;

-- Keeps a function for the application: by default PostgreSQL lets everybody call it.
CREATE OR REPLACE FUNCTION secure_function(guarded regproc) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', guarded::regprocedure);
  PERFORM grant_to_app('EXECUTE', 'FUNCTION ' || guarded::regprocedure);
END
$$;

-- PostgreSQL lets everybody call a new function; these are for the owner, but the first.
REVOKE ALL ON FUNCTION grant_to_app, secure_table, secure_platform_table, secure_function FROM PUBLIC;
SELECT secure_function('current_tenant');
