-- The only doors through which the application's role changes structure: partitions and indexes of embedding spaces.
-- Each runs as the owner of the tables and serves the tenant that the space belongs to.

-- The dimensions of a space of the current tenant; any other space is refused.
CREATE OR REPLACE FUNCTION own_space_dimensions(space bigint) RETURNS integer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  found integer;
BEGIN
  SELECT s.dimensions INTO found FROM embedding_spaces s WHERE s.id = space AND s.tenant_id = current_tenant();
  IF found IS NULL THEN
    RAISE EXCEPTION 'space % is not one of the current tenant', space;
  END IF;
  RETURN found;
END
$$;
SELECT secure_function('own_space_dimensions');

-- A partition for one space. Its constraints are the last line of defence: a vector of another dimension or a zero
-- vector cannot be stored, whatever a program does; what is not finite the type itself refuses. It has no policy and no
-- grants: its rows are reached through `embeddings` only.
CREATE OR REPLACE FUNCTION create_space_partition(space bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  dimensions integer := own_space_dimensions(space);
  partition text := format('public.embeddings_%s', space);
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('create_space_partition'), space::integer);
  IF to_regclass(partition) IS NOT NULL THEN
    RETURN;
  END IF;
  EXECUTE format(
    'CREATE TABLE %s PARTITION OF public.embeddings ('
    'CONSTRAINT dimensions CHECK (vector_dims(embedding) = %s), '
    'CONSTRAINT not_zero CHECK (l2_norm(embedding) > 0), '
    'CONSTRAINT one_tenant CHECK (tenant_id = %s)'
    ') FOR VALUES IN (%s)', partition, dimensions, current_tenant(), space);
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', partition);
END
$$;
SELECT secure_function('create_space_partition');

-- An approximate index over one space; the expression gives the column the dimension that the index wants.
-- m and ef_construction are pgvector's own defaults: at 100,000 rows they reach a recall of .99.
CREATE OR REPLACE FUNCTION create_space_index(space bigint, memory_mb integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  dimensions integer := own_space_dimensions(space);
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('space_index'), space::integer);
  IF to_regclass(format('public.ix_embeddings_%s_hnsw', space)) IS NOT NULL THEN
    RETURN;
  END IF;
  PERFORM set_config('maintenance_work_mem', format('%sMB', memory_mb), true);
  PERFORM set_config('max_parallel_maintenance_workers', '4', true);
  EXECUTE format(
    'CREATE INDEX ix_embeddings_%1$s_hnsw ON public.embeddings_%1$s '
    'USING hnsw ((embedding::halfvec(%2$s)) halfvec_cosine_ops)', space, dimensions);
END
$$;
SELECT secure_function('create_space_index');

CREATE OR REPLACE FUNCTION drop_space_index(space bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM own_space_dimensions(space);
  PERFORM pg_advisory_xact_lock(hashtext('space_index'), space::integer);
  EXECUTE format('DROP INDEX IF EXISTS public.ix_embeddings_%s_hnsw', space);
END
$$;
SELECT secure_function('drop_space_index');

-- Vectors, index and cache of a space that search does not use; its row stays as history.
CREATE OR REPLACE FUNCTION drop_space_vectors(space bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM own_space_dimensions(space);
  IF EXISTS (SELECT FROM embedding_spaces WHERE id = space AND status = 'active') THEN
    RAISE EXCEPTION 'space % is the active one', space;
  END IF;
  EXECUTE format('DROP TABLE IF EXISTS public.embeddings_%s', space);
  DELETE FROM embedding_cache WHERE space_id = space;
  DELETE FROM embedding_failures WHERE space_id = space;
END
$$;
SELECT secure_function('drop_space_vectors');

-- A space's vectors go with its row.
CREATE OR REPLACE FUNCTION drop_partition_of_space() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  EXECUTE format('DROP TABLE IF EXISTS public.embeddings_%s', old.id);
  RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION drop_partition_of_space FROM PUBLIC;
CREATE OR REPLACE TRIGGER drop_partition AFTER DELETE ON embedding_spaces
  FOR EACH ROW EXECUTE FUNCTION drop_partition_of_space();

-- The planner's view of a table that has just grown. Without it the first load of a large source is planned for empty
-- tables, and reads all rows of the source for each of them; the server's own analysis comes a minute later.
CREATE OR REPLACE FUNCTION analyze_if_grown(name text, written bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  known real;
BEGIN
  IF name NOT IN ('raw_items', 'documents', 'comments', 'chunks', 'document_cuts') AND name !~ '^embeddings_[0-9]+$' THEN
    RAISE EXCEPTION '% is no table that is loaded', name;
  END IF;
  SELECT c.reltuples INTO known FROM pg_class c WHERE c.oid = to_regclass('public.' || quote_ident(name));
  IF known IS NULL OR written < 1000 OR written < 0.1 * greatest(known, 0) THEN
    RETURN false;
  END IF;
  EXECUTE format('ANALYZE public.%I', name);
  RETURN true;
END
$$;
SELECT secure_function('analyze_if_grown');
