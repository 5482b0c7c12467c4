-- Row-level security: who is asking, how a table and a function are guarded, and how to ask every tenant in turn.
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

-- Asks one question of every tenant in turn, in one round trip, and returns all answers. It runs with the caller's
-- rights and becomes one tenant after the other, so that row-level security holds inside as everywhere; the caller's
-- own tenant is restored. In the question $1 is the tenant's number, $2 its name, $3 the argument.
CREATE OR REPLACE FUNCTION for_each_tenant(question text, argument jsonb DEFAULT NULL) RETURNS SETOF record
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  before text := current_setting('precedent.tenant_id', true);
  tenant record;
BEGIN
  FOR tenant IN SELECT t.id, t.name FROM tenants t ORDER BY t.name LOOP
    PERFORM set_config('precedent.tenant_id', tenant.id::text, true);
    RETURN QUERY EXECUTE question USING tenant.id, tenant.name, argument;
  END LOOP;
  PERFORM set_config('precedent.tenant_id', coalesce(before, ''), true);
END
$$;
SELECT secure_function('for_each_tenant');
