-- Part of revision 0003.
-- What the lexical leg of search reads: the words of each document, how many documents have each, how long they are.
--
-- A table of its own, not columns of `documents`: its rows are a third as wide, so that thousands of matches are read
-- in milliseconds; marking a document as cut touches no full-text index; and a change of words is what its triggers
-- see, nothing else. It repeats the facts that search filters by, state, author and labels in lower case, so that a
-- filter costs no join. What every match is asked for stands first.
CREATE TABLE document_words (
  document_id BIGINT NOT NULL,
  source_id BIGINT NOT NULL,
  tenant_id INTEGER NOT NULL,
  length INTEGER NOT NULL,
  version INTEGER NOT NULL,
  kind TEXT NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  state TEXT,
  author TEXT,
  labels TEXT[] DEFAULT '{}' NOT NULL,
  words TSVECTOR NOT NULL,
  CONSTRAINT pk_document_words PRIMARY KEY (document_id),
  CONSTRAINT fk_document_words_document_id FOREIGN KEY (document_id) REFERENCES documents (id) ON DELETE CASCADE,
  CONSTRAINT fk_document_words_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_document_words_source_id ON document_words (source_id);
CREATE INDEX ix_document_words_words ON document_words USING gin (words);

-- Kept by the triggers below, in the transaction that changes the words: exact, and no search counts anything.
CREATE TABLE lexeme_counts (
  tenant_id INTEGER NOT NULL,
  lexeme TEXT COLLATE "C" NOT NULL,
  documents INTEGER NOT NULL,
  CONSTRAINT pk_lexeme_counts PRIMARY KEY (tenant_id, lexeme),
  CONSTRAINT fk_lexeme_counts_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE TABLE corpus_counts (
  tenant_id INTEGER NOT NULL,
  documents BIGINT NOT NULL,
  length BIGINT NOT NULL,
  CONSTRAINT pk_corpus_counts PRIMARY KEY (tenant_id),
  CONSTRAINT fk_corpus_counts_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
) WITH (fillfactor = 50);

-- One statement changes many documents: the counts are changed once for all of them. As its owner, so that nobody
-- writes counts by hand.
CREATE FUNCTION count_words() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  changes CONSTANT text := 'SELECT tenant_id, %s AS factor, length, words FROM %I';
  changed text;
  tenant integer;
BEGIN
  changed := CASE TG_OP
    WHEN 'INSERT' THEN format(changes, 1, 'added')
    WHEN 'DELETE' THEN format(changes, -1, 'removed')
    ELSE format(changes, 1, 'added') || ' UNION ALL ' || format(changes, -1, 'removed') END;
  -- Two refreshes of one tenant's sources meet in the same rows: they take turns, in the order of tenants, until
  -- the end of their transactions.
  FOR tenant IN EXECUTE format('SELECT DISTINCT tenant_id FROM (%s) c ORDER BY 1', changed) LOOP
    PERFORM pg_advisory_xact_lock(hashtext('count_words'), tenant);
  END LOOP;
  -- A tenant that is being removed has no counts left, and gets none.
  EXECUTE format($sql$
    INSERT INTO corpus_counts AS k (tenant_id, documents, length)
    SELECT c.tenant_id, sum(c.factor), sum(c.factor * c.length) FROM (%s) c
    WHERE EXISTS (SELECT FROM tenants t WHERE t.id = c.tenant_id)
    GROUP BY c.tenant_id ORDER BY 1
    ON CONFLICT (tenant_id) DO UPDATE
      SET documents = k.documents + excluded.documents, length = k.length + excluded.length
  $sql$, changed);
  EXECUTE format($sql$
    INSERT INTO lexeme_counts AS k (tenant_id, lexeme, documents)
    SELECT c.tenant_id, w.lexeme, sum(c.factor)
    FROM (%s) c CROSS JOIN LATERAL unnest(tsvector_to_array(c.words)) AS w (lexeme)
    WHERE EXISTS (SELECT FROM tenants t WHERE t.id = c.tenant_id)
    GROUP BY c.tenant_id, w.lexeme HAVING sum(c.factor) <> 0
    ORDER BY 1, 2
    ON CONFLICT (tenant_id, lexeme) DO UPDATE SET documents = k.documents + excluded.documents
  $sql$, changed);
  IF TG_OP <> 'INSERT' THEN
    DELETE FROM lexeme_counts k USING (
      SELECT DISTINCT r.tenant_id, w.lexeme
      FROM removed r CROSS JOIN LATERAL unnest(tsvector_to_array(r.words)) AS w (lexeme)) gone
    WHERE (k.tenant_id, k.lexeme) = (gone.tenant_id, gone.lexeme) AND k.documents = 0;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER words_added AFTER INSERT ON document_words
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_words();
CREATE TRIGGER words_changed AFTER UPDATE ON document_words
  REFERENCING NEW TABLE AS added OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_words();
CREATE TRIGGER words_removed AFTER DELETE ON document_words
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_words();
REVOKE ALL ON FUNCTION count_words() FROM PUBLIC;

-- New entries of a full-text index wait in a list that every search has to read through. Whoever wrote many puts them
-- in their place before anybody searches; only the owner of the index may.
CREATE FUNCTION settle_words() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT gin_clean_pending_list('public.ix_document_words_words')
$$;
REVOKE ALL ON FUNCTION settle_words() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION settle_words() TO precedent_app;

-- BM25 over the index's entries: the entries read for candidates, then the rest of the query for the best of these.
-- As its owner, because row-level security would keep the index out: on a server whose owner is no superuser nobody can
-- say that `@@` leaks nothing. The tenant is asked for here instead, twice: by its rows and by its entries. OFFSET 0
-- keeps the order as written, one scan of the index for each entry; a planner that cannot know how rare an entry is
-- would turn a fresh load or a filter into full scans. A filter that is NULL keeps everything.
CREATE FUNCTION rank_by_words(
  entries tsquery[], weights float8[], frequencies float8[],
  more_entries tsquery[], more_weights float8[], more_frequencies float8[],
  flat float8, slope float8, candidates integer, pool integer,
  kinds text[], sources bigint[], states text[], labels text[], authors text[],
  before timestamptz, after timestamptz, updated_since timestamptz, excluded bigint[]
) RETURNS TABLE (document_id bigint, score float8)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_custom_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  tenant integer := nullif(current_setting('precedent.tenant_id', true), '')::integer;
BEGIN
  RETURN QUERY
  WITH best AS (
    SELECT d.document_id, sum(k.weight * k.frequency / (k.frequency + flat + slope * d.length)) AS score
    FROM unnest(entries, weights, frequencies) AS k (entry, weight, frequency)
    CROSS JOIN LATERAL (
      SELECT * FROM document_words w WHERE w.words @@ k.entry AND w.tenant_id = tenant OFFSET 0) d
    WHERE (kinds IS NULL OR d.kind = ANY (kinds)) AND (sources IS NULL OR d.source_id = ANY (sources))
      AND (states IS NULL OR d.state = ANY (states)) AND (rank_by_words.labels IS NULL OR d.labels && rank_by_words.labels)
      AND (authors IS NULL OR d.author = ANY (authors)) AND (before IS NULL OR d.created_at < before)
      AND (after IS NULL OR d.created_at >= after) AND (updated_since IS NULL OR d.updated_at >= updated_since)
      AND (excluded IS NULL OR d.document_id <> ALL (excluded))
    GROUP BY d.document_id ORDER BY score DESC, d.document_id
    LIMIT CASE WHEN cardinality(more_entries) = 0 THEN pool ELSE candidates END)
  SELECT b.document_id, b.score + CASE WHEN cardinality(more_entries) = 0 THEN 0 ELSE coalesce((
    SELECT sum(r.weight * r.frequency / (r.frequency + flat + slope * f.length))
    -- The concatenation unpacks the words once, not once for each entry.
    FROM (SELECT w.length, w.words || ''::tsvector AS words FROM document_words w
          WHERE w.document_id = b.document_id AND w.tenant_id = tenant OFFSET 0) f
    JOIN unnest(more_entries, more_weights, more_frequencies) AS r (entry, weight, frequency) ON f.words @@ r.entry), 0)
    END AS score
  FROM best b ORDER BY score DESC, b.document_id LIMIT pool;
END
$$;
REVOKE ALL ON FUNCTION rank_by_words(tsquery[], float8[], float8[], tsquery[], float8[], float8[], float8, float8, integer,
  integer, text[], bigint[], text[], text[], text[], timestamptz, timestamptz, timestamptz, bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rank_by_words(tsquery[], float8[], float8[], tsquery[], float8[], float8[], float8, float8,
  integer, integer, text[], bigint[], text[], text[], text[], timestamptz, timestamptz, timestamptz, bigint[])
  TO precedent_app;

-- What is there stays searchable: the stems of before, their frequencies counted from their places. Version 0 is
-- behind every analyser, so that the next refresh of each source indexes its documents anew.
ALTER TABLE documents NO FORCE ROW LEVEL SECURITY;
INSERT INTO document_words (document_id, source_id, tenant_id, length, version, kind, created_at, updated_at, state,
                            author, labels, words)
SELECT d.id, d.source_id, d.tenant_id, counted.length, 0, d.kind, d.created_at, d.updated_at, lower(d.state),
       lower(d.author), lower(d.labels::text)::text[], array_to_tsvector(counted.keys)
FROM documents d CROSS JOIN LATERAL (
  SELECT coalesce(sum(cardinality(positions)), 0) AS length,
         coalesce(array_agg(format('%s|%s|%s', d.tenant_id, lexeme, width_bucket(
           cardinality(positions) + 3 * cardinality(array_positions(weights, 'A')), '{1,2,3,4,6,10,17}'::integer[])
           - 1)) FILTER (WHERE length(lexeme) <= 64), '{}') AS keys
  FROM unnest(d.search)) counted;
ALTER TABLE documents FORCE ROW LEVEL SECURITY;
DROP INDEX ix_documents_search;
ALTER TABLE documents DROP COLUMN search;

DO $$
DECLARE
  owned text;
BEGIN
  FOREACH owned IN ARRAY ARRAY['document_words', 'lexeme_counts', 'corpus_counts'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', owned);
    EXECUTE format(
      'CREATE POLICY tenant_rows ON %I USING (tenant_id = '
      '(SELECT nullif(current_setting(''precedent.tenant_id'', true), '''')::integer))', owned);
  END LOOP;
END
$$;
-- What lets rank_by_words past the policy; the application's role is not the owner.
CREATE POLICY owner_ranks ON document_words FOR SELECT TO CURRENT_USER USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON document_words TO precedent_app;
GRANT SELECT ON lexeme_counts, corpus_counts TO precedent_app;
