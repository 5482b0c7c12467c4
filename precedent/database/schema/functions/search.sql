-- The words of documents: counted when they change, ranked when they are searched for.

-- One statement changes many documents: the counts are changed once for all of them. As the owner, because the
-- application may only read the counts.
CREATE OR REPLACE FUNCTION count_words() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  changes CONSTANT text := 'SELECT tenant_id, %s AS factor, length, words FROM %I';
  -- Comments are counted apart: how long a text is, is held against others of its sort.
  rows CONSTANT text := CASE TG_TABLE_NAME WHEN 'comment_words' THEN 'comments' ELSE 'documents' END;
  words CONSTANT text := CASE TG_TABLE_NAME WHEN 'comment_words' THEN 'comments_length' ELSE 'length' END;
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
    INSERT INTO corpus_counts AS k (tenant_id, %2$I, %3$I)
    SELECT c.tenant_id, sum(c.factor), sum(c.factor * c.length) FROM (%1$s) c
    WHERE EXISTS (SELECT FROM tenants t WHERE t.id = c.tenant_id)
    GROUP BY c.tenant_id ORDER BY 1
    ON CONFLICT (tenant_id) DO UPDATE SET %2$I = coalesce(k.%2$I, 0) + excluded.%2$I, %3$I = coalesce(k.%3$I, 0) + excluded.%3$I
  $sql$, changed, rows, words);
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
REVOKE ALL ON FUNCTION count_words FROM PUBLIC;
CREATE OR REPLACE TRIGGER words_added AFTER INSERT ON document_words
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_words();
CREATE OR REPLACE TRIGGER words_changed AFTER UPDATE ON document_words
  REFERENCING NEW TABLE AS added OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_words();
CREATE OR REPLACE TRIGGER words_removed AFTER DELETE ON document_words
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_words();

CREATE OR REPLACE TRIGGER words_added AFTER INSERT ON comment_words
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_words();
CREATE OR REPLACE TRIGGER words_removed AFTER DELETE ON comment_words
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_words();

-- New entries of a full-text index wait in a list that every search has to read through. A program that wrote many puts
-- them in their place before the next search; only the owner of the index may.
CREATE OR REPLACE FUNCTION settle_words() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT gin_clean_pending_list('public.ix_document_words_words');
  SELECT gin_clean_pending_list('public.ix_comment_words_words')
$$;
SELECT secure_function('settle_words');

-- BM25 over the index's entries: the entries read for candidates, then the rest of the query for the best of these. An
-- item scores by its own text, and by the one comment that adds most to it: a word that both have counts where it
-- weighs more. As the owner, because row-level security would keep the index out: PostgreSQL does not take `@@` for
-- leakproof, and only a superuser may say so. The tenant is asked for here instead, twice: by its rows and by its
-- entries. OFFSET 0 keeps the order as written, one scan of the index for each entry; a planner that cannot know how rare
-- an entry is would turn a fresh load or a filter into full scans. A filter that is NULL keeps everything.
CREATE OR REPLACE FUNCTION rank_by_words(
  entries tsquery[], lexemes integer[], weights float8[], frequencies float8[],
  more_entries tsquery[], more_lexemes integer[], more_weights float8[], more_frequencies float8[],
  flat float8, slope float8, comment_slope float8, candidates integer, pool integer,
  kinds text[], sources bigint[], states text[], labels text[], authors text[],
  before timestamptz, after timestamptz, updated_since timestamptz, excluded bigint[]
) RETURNS TABLE (document_id bigint, comment_id bigint, score float8)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_custom_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  tenant integer := current_tenant();
BEGIN
  RETURN QUERY
  WITH hits AS MATERIALIZED (
    SELECT d.document_id, d.comment_id, k.lexeme, k.weight * k.frequency / (k.frequency + flat + d.long) AS gain
    FROM unnest(entries, lexemes, weights, frequencies) AS k (entry, lexeme, weight, frequency)
    CROSS JOIN LATERAL (
      SELECT w.document_id, NULL::bigint AS comment_id, slope * w.length AS long, w.kind, w.source_id, w.state, w.labels,
             w.author, w.created_at, w.updated_at
      FROM document_words w WHERE w.words @@ k.entry AND w.tenant_id = tenant
      UNION ALL
      SELECT c.document_id, c.comment_id, comment_slope * c.length, i.kind, i.source_id, i.state, i.labels,
             i.author, i.created_at, i.updated_at
      FROM (SELECT * FROM comment_words w WHERE w.words @@ k.entry AND w.tenant_id = tenant
              AND (before IS NULL OR w.said_at < before) OFFSET 0) c
      CROSS JOIN LATERAL (SELECT * FROM document_words w WHERE w.document_id = c.document_id OFFSET 0) i
      OFFSET 0) d
    WHERE (kinds IS NULL OR d.kind = ANY (kinds)) AND (sources IS NULL OR d.source_id = ANY (sources))
      AND (states IS NULL OR d.state = ANY (states)) AND (rank_by_words.labels IS NULL OR d.labels && rank_by_words.labels)
      AND (authors IS NULL OR d.author = ANY (authors)) AND (before IS NULL OR d.created_at < before)
      AND (after IS NULL OR d.created_at >= after) AND (updated_since IS NULL OR d.updated_at >= updated_since)
      AND (excluded IS NULL OR d.document_id <> ALL (excluded))),
  own AS (SELECT h.document_id, h.lexeme, h.gain FROM hits h WHERE h.comment_id IS NULL),
  added AS (
    SELECT DISTINCT ON (h.document_id) h.document_id, h.comment_id,
           sum(greatest(h.gain - coalesce(o.gain, 0), 0)) AS gain
    FROM hits h LEFT JOIN own o ON (o.document_id, o.lexeme) = (h.document_id, h.lexeme)
    WHERE h.comment_id IS NOT NULL GROUP BY h.document_id, h.comment_id
    ORDER BY h.document_id, gain DESC, h.comment_id),
  best AS (
    SELECT coalesce(o.document_id, a.document_id) AS document_id, a.comment_id,
           coalesce(o.score, 0) + coalesce(a.gain, 0) AS score
    FROM (SELECT own.document_id, sum(own.gain) AS score FROM own GROUP BY own.document_id) o
    FULL JOIN added a ON a.document_id = o.document_id
    ORDER BY score DESC, document_id
    LIMIT CASE WHEN cardinality(more_entries) = 0 THEN pool ELSE candidates END)
  SELECT b.document_id, b.comment_id, b.score + CASE WHEN cardinality(more_entries) = 0 THEN 0 ELSE coalesce((
    SELECT sum(g.gain) FROM (
      SELECT max(r.weight * r.frequency / (r.frequency + flat + f.long)) AS gain
      -- The concatenation unpacks the words once, not once for each entry.
      FROM (SELECT slope * w.length AS long, w.words || ''::tsvector AS words FROM document_words w
            WHERE w.document_id = b.document_id AND w.tenant_id = tenant
            UNION ALL
            SELECT comment_slope * w.length, w.words || ''::tsvector FROM comment_words w
            WHERE w.comment_id = b.comment_id AND w.tenant_id = tenant OFFSET 0) f
      JOIN unnest(more_entries, more_lexemes, more_weights, more_frequencies) AS r (entry, lexeme, weight, frequency)
        ON f.words @@ r.entry
      GROUP BY r.lexeme) g), 0)
    END AS score
  FROM best b ORDER BY score DESC, b.document_id LIMIT pool;
END
$$;
SELECT secure_function('rank_by_words');
