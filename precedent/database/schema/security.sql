-- Row-level security: whose transaction this is, and how tables and functions are guarded.
-- Run before the tables are made, and again by every upgrade: all of it can be repeated.

-- The tenant of this transaction, or NULL without one.
CREATE OR REPLACE FUNCTION current_tenant() RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT nullif(current_setting('precedent.tenant_id', true), '')::integer $$;

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
  EXECUTE format('GRANT %s ON %s TO precedent_app', rights, guarded);
END
$$;

-- Keeps a function for the application: by default PostgreSQL lets everybody call it.
CREATE OR REPLACE FUNCTION secure_function(guarded regproc) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', guarded::regprocedure);
  EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO precedent_app', guarded::regprocedure);
END
$$;
