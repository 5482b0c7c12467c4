-- Spaces that are built beside the active one, rolled back and retired; indexes; a cache of vectors.

-- Passages by cut: a model with another window cuts otherwise, and the active space keeps its own passages until the
-- new one takes over. What is there was cut for the packaged model.
ALTER TABLE chunks ADD COLUMN cut TEXT DEFAULT 'all-MiniLM-L6-v2/256' NOT NULL;
ALTER TABLE chunks ALTER COLUMN cut DROP DEFAULT;
ALTER TABLE chunks DROP CONSTRAINT uq_chunks_document_id_ordinal;
ALTER TABLE chunks ADD CONSTRAINT uq_chunks_document_id_cut_ordinal UNIQUE (document_id, cut, ordinal);

CREATE TABLE document_cuts (
  document_id BIGINT NOT NULL,
  cut TEXT NOT NULL,
  made_from BYTEA NOT NULL,
  source_id BIGINT NOT NULL,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_document_cuts PRIMARY KEY (document_id, cut),
  CONSTRAINT fk_document_cuts_document_id FOREIGN KEY (document_id) REFERENCES documents (id) ON DELETE CASCADE,
  CONSTRAINT fk_document_cuts_source_id FOREIGN KEY (source_id) REFERENCES integrations (id) ON DELETE CASCADE,
  CONSTRAINT fk_document_cuts_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_document_cuts_source_id ON document_cuts (source_id);
ALTER TABLE documents DROP COLUMN chunked_hash;

-- `previous` can be rolled back to, `retired` is history without vectors.
ALTER TABLE embedding_spaces DROP CONSTRAINT ck_embedding_spaces_status;
-- An owner that is no superuser sees no rows of a table whose policies are forced on it.
ALTER TABLE embedding_spaces NO FORCE ROW LEVEL SECURITY;
UPDATE embedding_spaces SET status = 'previous' WHERE status = 'retired';
ALTER TABLE embedding_spaces FORCE ROW LEVEL SECURITY;
ALTER TABLE embedding_spaces
  ADD COLUMN cut TEXT DEFAULT 'all-MiniLM-L6-v2/256' NOT NULL,
  ADD COLUMN made_by JSONB DEFAULT '{}' NOT NULL,
  ADD COLUMN promoted_at TIMESTAMP WITH TIME ZONE,
  ADD COLUMN held BOOLEAN DEFAULT false NOT NULL,
  ADD CONSTRAINT ck_embedding_spaces_status CHECK (status IN ('building', 'active', 'previous', 'retired'));
ALTER TABLE embedding_spaces ALTER COLUMN cut DROP DEFAULT;

-- Vectors whose passages are gone: one that comes back, or a source that is added again, costs nothing.
CREATE TABLE embedding_cache (
  space_id BIGINT NOT NULL,
  content_hash BYTEA NOT NULL,
  embedding HALFVEC NOT NULL,
  removed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_embedding_cache PRIMARY KEY (space_id, content_hash),
  CONSTRAINT fk_embedding_cache_space_id FOREIGN KEY (space_id) REFERENCES embedding_spaces (id) ON DELETE CASCADE,
  CONSTRAINT fk_embedding_cache_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);

DO $$
DECLARE
  owned text;
BEGIN
  FOREACH owned IN ARRAY ARRAY['document_cuts', 'embedding_cache'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', owned);
    EXECUTE format(
      'CREATE POLICY tenant_rows ON %I USING (tenant_id = '
      '(SELECT nullif(current_setting(''precedent.tenant_id'', true), '''')::integer))', owned);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO precedent_app', owned);
  END LOOP;
END
$$;

-- The partition of a space of the current tenant, and its dimensions; any other is refused.
CREATE FUNCTION own_space_dimensions(space bigint) RETURNS integer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public AS $$
DECLARE
  found integer;
BEGIN
  SELECT s.dimensions INTO found FROM embedding_spaces s
  WHERE s.id = space AND s.tenant_id = nullif(current_setting('precedent.tenant_id', true), '')::integer;
  IF found IS NULL THEN
    RAISE EXCEPTION 'space % is not one of the current tenant', space;
  END IF;
  RETURN found;
END
$$;

-- An approximate index over one space; the expression gives the column the dimension that the index wants.
-- m and ef_construction are pgvector's own defaults: at 100,000 rows they reach a recall of .99.
CREATE FUNCTION create_space_index(space bigint, memory_mb integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
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

CREATE FUNCTION drop_space_index(space bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
  PERFORM own_space_dimensions(space);
  PERFORM pg_advisory_xact_lock(hashtext('space_index'), space::integer);
  EXECUTE format('DROP INDEX IF EXISTS public.ix_embeddings_%s_hnsw', space);
END
$$;

-- Vectors, index and cache of a space that search does not use; its row stays as history.
CREATE FUNCTION drop_space_vectors(space bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
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

REVOKE ALL ON FUNCTION create_space_index(bigint, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION drop_space_index(bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION drop_space_vectors(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION create_space_index(bigint, integer) TO precedent_app;
GRANT EXECUTE ON FUNCTION drop_space_index(bigint) TO precedent_app;
GRANT EXECUTE ON FUNCTION drop_space_vectors(bigint) TO precedent_app;

-- The type itself refuses what is not finite; one norm a row is enough to refuse a zero vector.
CREATE OR REPLACE FUNCTION create_space_partition(space bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  dimensions integer := own_space_dimensions(space);
  owner integer := nullif(current_setting('precedent.tenant_id', true), '')::integer;
  partition text := format('embeddings_%s', space);
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('create_space_partition'), space::integer);
  IF to_regclass('public.' || partition) IS NOT NULL THEN
    RETURN;
  END IF;
  EXECUTE format(
    'CREATE TABLE public.%1$I PARTITION OF public.embeddings ('
    'CONSTRAINT dimensions CHECK (vector_dims(embedding) = %2$s), '
    'CONSTRAINT not_zero CHECK (l2_norm(embedding) > 0), '
    'CONSTRAINT one_tenant CHECK (tenant_id = %3$s)'
    ') FOR VALUES IN (%4$s)', partition, dimensions, owner, space);
  EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', partition);
  EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', partition);
END
$$;

-- Two foreign keys took half of the time of writing a vector, and say nothing that a partition's bound (its space) and
-- its constraint (its tenant) do not. What they did on deletion, a trigger on the spaces does.
ALTER TABLE embeddings DROP CONSTRAINT fk_embeddings_space_id, DROP CONSTRAINT fk_embeddings_tenant_id;
CREATE FUNCTION drop_partition_of_space() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
  EXECUTE format('DROP TABLE IF EXISTS public.embeddings_%s', old.id);
  RETURN NULL;
END
$$;
CREATE TRIGGER drop_partition AFTER DELETE ON embedding_spaces
  FOR EACH ROW EXECUTE FUNCTION drop_partition_of_space();

-- The planner's view of a table that has just grown. Without it the first load of a large source is planned for empty
-- tables, and reads all rows of the source for each of them; the server's own analysis comes a minute later.
CREATE FUNCTION analyze_if_grown(name text, written bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  known real;
BEGIN
  IF name NOT IN ('raw_items', 'documents', 'chunks', 'document_cuts') AND name !~ '^embeddings_[0-9]+$' THEN
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
REVOKE ALL ON FUNCTION analyze_if_grown(text, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION analyze_if_grown(text, bigint) TO precedent_app;
