-- Row-level security, forced on every table that has a tenant, and the only doors through which the
-- application's role can change structure.

DO $$
DECLARE
  owned text;
BEGIN
  FOR owned IN
    SELECT c.relname FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', owned);
    EXECUTE format(
      'CREATE POLICY tenant_rows ON %I USING (tenant_id = '
      '(SELECT nullif(current_setting(''precedent.tenant_id'', true), '''')::integer))', owned);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO precedent_app', owned);
  END LOOP;
END
$$;

-- The names of tenants are no secret between them, and a command must find one before it can be one.
GRANT SELECT, INSERT ON tenants TO precedent_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO precedent_app;
GRANT SELECT ON alembic_version TO precedent_app;

-- A partition for one space of the current tenant. Its constraints are the last line of defence: a vector of
-- another dimension, a zero vector or one of NaNs cannot be stored, whatever a program does.
CREATE FUNCTION create_space_partition(space bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  dimensions integer;
  owner integer;
  partition text := format('embeddings_%s', space);
BEGIN
  SELECT s.dimensions, s.tenant_id INTO dimensions, owner FROM embedding_spaces s
  WHERE s.id = space AND s.tenant_id = nullif(current_setting('precedent.tenant_id', true), '')::integer;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'space % is not one of the current tenant', space;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('create_space_partition'), space::integer);
  IF to_regclass('public.' || partition) IS NOT NULL THEN
    RETURN;
  END IF;
  EXECUTE format(
    'CREATE TABLE public.%1$I PARTITION OF public.embeddings ('
    'CONSTRAINT dimensions CHECK (vector_dims(embedding) = %2$s), '
    'CONSTRAINT not_zero CHECK (l2_norm(embedding) > 0 AND l2_norm(embedding) < ''Infinity''), '
    'CONSTRAINT one_tenant CHECK (tenant_id = %3$s)'
    ') FOR VALUES IN (%4$s)', partition, dimensions, owner, space);
  EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', partition);
  EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', partition);
END
$$;
REVOKE ALL ON FUNCTION create_space_partition(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION create_space_partition(bigint) TO precedent_app;

-- Row-level security evaluates `@@` after its own filter unless the operator is known not to leak, which would
-- leave the full-text index unused. ts_match_vq only compares; where the owner may say so, it is said.
DO $$
BEGIN
  ALTER FUNCTION pg_catalog.ts_match_vq(tsvector, tsquery) LEAKPROOF;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE NOTICE 'full-text search reads the tenant''s rows without its index';
END
$$;
