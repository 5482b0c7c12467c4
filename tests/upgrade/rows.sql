-- Rows of two tenants in every table of revision 0004.
INSERT INTO tenants (name) VALUES ('one'), ('two');
INSERT INTO integrations (tenant_id, type, name, provider, configuration, credentials)
SELECT id, 'data_source', 'records', 'archive', '{"path": "/records"}', 'sealed' FROM tenants;
INSERT INTO integrations (tenant_id, type, name, provider, capability, model, is_active)
SELECT id, 'ai_provider', 'second', 'openai', 'text_generation', 'small', false FROM tenants;
INSERT INTO integrations (tenant_id, type, name, provider, capability, model, fallback_id)
SELECT t.id, 'ai_provider', 'first', 'claude', 'text_generation', 'large', i.id
FROM tenants t JOIN integrations i ON i.tenant_id = t.id AND i.name = 'second';
INSERT INTO integrations (tenant_id, type, name, provider, base_url)
SELECT id, 'vector_store', 'store', 'qdrant', 'http://localhost:6333' FROM tenants;

CREATE TEMPORARY VIEW source AS SELECT id AS source_id, tenant_id FROM integrations WHERE type = 'data_source';
INSERT INTO raw_items (source_id, tenant_id, kind, shape, external_id, payload, payload_hash, stream, deleted_at)
SELECT source_id, tenant_id, CASE WHEN n = 1 THEN 'incident' ELSE 'issue' END, 'github_issue', 'item-' || n,
       jsonb_build_object('n', n), sha256(n::text::bytea), 'issues', CASE WHEN n = 9 THEN now() END
FROM source, generate_series(1, 9) n;
INSERT INTO rejected_records (source_id, tenant_id, file, line, reason, detail)
SELECT source_id, tenant_id, 'issues.jsonl', 7, 'not JSON', 'ends too early' FROM source;
INSERT INTO sync_state (source_id, tenant_id, stream, cursor, state, last_refresh, syncs)
SELECT source_id, tenant_id, stream, '{"page": 2}', 'ok', now(), 3 FROM source, unnest(ARRAY['', 'issues']) stream;
INSERT INTO documents (raw_item_id, source_id, tenant_id, kind, external_id, title, text, state, labels, input_hash,
                       content_hash)
SELECT id, source_id, tenant_id, kind, external_id, 'Title of ' || external_id, 'Text', 'open', ARRAY['bug'], '\x01',
       payload_hash FROM raw_items WHERE deleted_at IS NULL;
INSERT INTO document_words (document_id, source_id, tenant_id, length, version, kind, words)
SELECT id, source_id, tenant_id, 3, 1, kind, array_to_tsvector(ARRAY[tenant_id || '|text|1', tenant_id || '|title|2'])
FROM documents;
INSERT INTO document_cuts (document_id, cut, made_from, source_id, tenant_id)
SELECT id, 'model/256', content_hash, source_id, tenant_id FROM documents;
INSERT INTO chunks (document_id, ordinal, text, tokens, content_hash, source_id, tenant_id, cut)
SELECT id, 0, title, 5, content_hash, source_id, tenant_id, 'model/256' FROM documents;

INSERT INTO embedding_spaces (tenant_id, provider, model, model_revision, dimensions, precision, preprocessing, status,
                              cut, made_by)
SELECT id, 'local', 'model', '1', 3, 'float32', 'none', 'active', 'model/256', '{"backend": "torch"}' FROM tenants;
DO $$
DECLARE
  space record;
BEGIN
  FOR space IN SELECT * FROM embedding_spaces LOOP
    PERFORM set_config('precedent.tenant_id', space.tenant_id::text, true);
    PERFORM create_space_partition(space.id);
    INSERT INTO embeddings (space_id, content_hash, embedding, tenant_id)
    SELECT space.id, content_hash, ARRAY[id, 1, 2]::real[]::halfvec, tenant_id FROM chunks WHERE tenant_id = space.tenant_id;
    PERFORM create_space_index(space.id, 64);
  END LOOP;
END
$$;
CREATE TEMPORARY VIEW space AS SELECT id AS space_id, tenant_id FROM embedding_spaces;
INSERT INTO embedding_cache (space_id, content_hash, embedding, tenant_id)
SELECT space_id, '\xcafe', '[1,2,3]', tenant_id FROM space;
INSERT INTO embedding_failures (space_id, content_hash, error, tenant_id)
SELECT space_id, '\xdead', 'too long', tenant_id FROM space;
INSERT INTO vector_store_spaces (store_id, space_id, collection, ready, tenant_id)
SELECT i.id, s.space_id, 'vectors', true, s.tenant_id FROM space s JOIN integrations i USING (tenant_id)
WHERE i.type = 'vector_store';
INSERT INTO vector_store_rows (store_id, space_id, content_hash, version, tenant_id)
SELECT store_id, space_id, '\xbeef', now(), tenant_id FROM vector_store_spaces;

INSERT INTO quality_reports (space_id, source_id, tenant_id, manifest, score, passed, measures, gates, plot, sample)
SELECT space_id, source_id, tenant_id, 'digest', 99.5, true, '{"count": 8}', '[]', '\x89504e47', '\x0102'
FROM space JOIN source USING (tenant_id);
INSERT INTO quality_thresholds (tenant_id, source_id, thresholds)
SELECT tenant_id, of_source, '{"score": 80}' FROM source, unnest(ARRAY[NULL, source_id]) of_source;
INSERT INTO analysis_runs (source_id, tenant_id, external_id, input_hash, provider_asked, prompt_version, status,
                           recommendations, evidence, duration_ms, cost_usd)
SELECT source_id, tenant_id, 'item-1', '\x01', 'first', '1', 'succeeded', '[{"action": "restart"}]', '[]', 12.5, 0.01
FROM source;
INSERT INTO ai_preferences (tenant_id, capability, route, strategy, prefer)
SELECT id, 'text_generation', 'etl', 'prefer', ARRAY['first'] FROM tenants;
INSERT INTO ai_policies (tenant_id, monthly_budget_usd) SELECT id, 10 FROM tenants;
INSERT INTO ai_policies (tenant_id, source_id, mask) SELECT tenant_id, source_id, true FROM source;
INSERT INTO provider_health (tenant_id, provider, revision, failures) SELECT id, 'first', 'abc', 2 FROM tenants;
INSERT INTO usage_records (tenant_id, call_id, provider, driver, model, revision, operation, route, cost_usd,
                           latency_ms, attempts, status)
SELECT id, gen_random_uuid(), 'first', 'claude', 'large', 'abc', 'generate', 'etl', 1.25, 80, 1, 'succeeded'
FROM tenants, generate_series(1, 3);
INSERT INTO budget_reservations (tenant_id, month, amount_usd, provider, expires_at)
SELECT id, budget_month(now()), 0.5, 'first', now() + interval '1 hour' FROM tenants;
