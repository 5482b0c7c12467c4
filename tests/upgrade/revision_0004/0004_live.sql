-- Revision 0004: live sources.

-- One row for a source as a whole (stream '') and one for each of its streams. `cursor` says where the next page of a
-- stream begins; token, validators and name are those of the last look that a complete sync began with.
ALTER TABLE sync_state
  ADD COLUMN stream TEXT DEFAULT '' NOT NULL,
  ADD COLUMN cursor JSONB,
  ADD COLUMN state TEXT DEFAULT 'ok' NOT NULL,
  ADD COLUMN code TEXT,
  ADD COLUMN reason TEXT,
  ADD COLUMN wait_until TIMESTAMP WITH TIME ZONE,
  ADD COLUMN failures INTEGER DEFAULT 0 NOT NULL,
  ADD COLUMN syncs BIGINT DEFAULT 0 NOT NULL,
  ADD COLUMN token TEXT,
  ADD COLUMN validators JSONB,
  ADD COLUMN name TEXT,
  ADD COLUMN revision INTEGER,
  ADD COLUMN swept_at TIMESTAMP WITH TIME ZONE,
  ADD CONSTRAINT ck_sync_state_state CHECK (state IN ('ok', 'waiting', 'needs_attention')),
  DROP CONSTRAINT uq_sync_state_source_id,
  ADD CONSTRAINT uq_sync_state_source_id_stream UNIQUE (source_id, stream);

-- Which stream an item came from: a sweep compares what a stream lists with what came from it.
ALTER TABLE raw_items ADD COLUMN stream TEXT;

-- Tombstones by age, for maintenance; few rows have one.
CREATE INDEX ix_raw_items_deleted_at ON raw_items (tenant_id, deleted_at) WHERE deleted_at IS NOT NULL;

-- What a tick of a sensor needs of every source of every tenant, in one round trip. It runs as whoever calls it and
-- becomes one tenant after the other, so that row-level security holds inside as everywhere; configurations and
-- credentials are no part of it.
CREATE FUNCTION source_schedule()
RETURNS TABLE (
  source_id bigint, tenant_id integer, tenant text, name text, kind text, is_active boolean, revision integer,
  state text, wait_until timestamptz, failures integer, syncs bigint, last_refresh timestamptz, swept_at timestamptz,
  configured integer, token text, reported_at timestamptz)
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  before text := current_setting('precedent.tenant_id', true);
  owner record;
BEGIN
  FOR owner IN SELECT t.id, t.name FROM tenants t ORDER BY t.name LOOP
    PERFORM set_config('precedent.tenant_id', owner.id::text, true);
    RETURN QUERY
      SELECT i.id, owner.id, owner.name, i.name, i.provider, i.is_active, i.revision,
             s.state, s.wait_until, s.failures, s.syncs, s.last_refresh, s.swept_at, s.revision, s.token,
             (SELECT max(q.created_at) FROM quality_reports q WHERE q.source_id = i.id)
      FROM integrations i LEFT JOIN sync_state s ON s.source_id = i.id AND s.stream = ''
      WHERE i.tenant_id = owner.id AND i.type = 'data_source' ORDER BY i.name;
  END LOOP;
  PERFORM set_config('precedent.tenant_id', coalesce(before, ''), true);
END
$$;
REVOKE ALL ON FUNCTION source_schedule() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION source_schedule() TO precedent_app;

-- Sources with incidents whose analysis is missing or was made from something else, in one round trip. `versions`
-- maps a tenant's number to the version (hex) that an analysis must have been made with; tenants that are not named
-- are left out. `digest` changes whenever the set of those incidents does; `tried` counts them where some attempt
-- has failed before.
CREATE FUNCTION incidents_to_analyse(versions jsonb)
RETURNS TABLE (source_id bigint, tenant_id integer, tenant text, name text, incidents bigint, tried bigint, digest text)
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  before text := current_setting('precedent.tenant_id', true);
  owner record;
BEGIN
  FOR owner IN
    SELECT t.id, t.name, decode(v.value, 'hex') AS version
    FROM tenants t JOIN jsonb_each_text(versions) v ON v.key::integer = t.id ORDER BY t.name
  LOOP
    PERFORM set_config('precedent.tenant_id', owner.id::text, true);
    RETURN QUERY
      SELECT p.source_id, owner.id, owner.name, i.name, count(*), count(*) FILTER (WHERE p.tried),
             encode(sha256(string_agg(p.input, ''::bytea ORDER BY p.input)), 'hex')
      FROM (
        SELECT d.source_id, h.input,
               EXISTS (SELECT FROM analysis_runs f WHERE f.source_id = d.source_id
                         AND f.external_id = d.external_id AND f.input_hash = h.input) AS tried
        FROM documents d
        CROSS JOIN LATERAL (
          SELECT sha256(owner.version || d.content_hash || convert_to(coalesce(d.state, ''), 'UTF8')) AS input) h
        WHERE d.tenant_id = owner.id AND d.kind = 'incident' AND NOT EXISTS (
          SELECT FROM analysis_runs a WHERE a.source_id = d.source_id AND a.external_id = d.external_id
            AND a.status = 'succeeded' AND a.input_hash = h.input)
      ) p
      JOIN integrations i ON i.id = p.source_id
      WHERE i.is_active
      GROUP BY p.source_id, i.name ORDER BY i.name;
  END LOOP;
  PERFORM set_config('precedent.tenant_id', coalesce(before, ''), true);
END
$$;
REVOKE ALL ON FUNCTION incidents_to_analyse(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION incidents_to_analyse(jsonb) TO precedent_app;

-- Which tenants have incidents at all: only of them must be known what an analysis is made with.
CREATE FUNCTION tenants_with_incidents() RETURNS SETOF integer
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  before text := current_setting('precedent.tenant_id', true);
  owner record;
BEGIN
  FOR owner IN SELECT t.id FROM tenants t ORDER BY t.id LOOP
    PERFORM set_config('precedent.tenant_id', owner.id::text, true);
    IF EXISTS (SELECT FROM documents d WHERE d.tenant_id = owner.id AND d.kind = 'incident') THEN
      RETURN NEXT owner.id;
    END IF;
  END LOOP;
  PERFORM set_config('precedent.tenant_id', coalesce(before, ''), true);
END
$$;
REVOKE ALL ON FUNCTION tenants_with_incidents() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenants_with_incidents() TO precedent_app;

-- A digest of each tenant's providers and policies that changes with every edit of one, in one round trip; nothing of
-- what they hold can be told from it.
CREATE FUNCTION configuration_digests() RETURNS TABLE (tenant_id integer, tenant text, digest text)
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  before text := current_setting('precedent.tenant_id', true);
  owner record;
BEGIN
  FOR owner IN SELECT t.id, t.name FROM tenants t ORDER BY t.name LOOP
    PERFORM set_config('precedent.tenant_id', owner.id::text, true);
    RETURN QUERY SELECT owner.id, owner.name, md5(
      coalesce((SELECT string_agg(concat_ws('/', i.id, i.revision, i.is_active, i.updated_at), ',' ORDER BY i.id)
                FROM integrations i WHERE i.tenant_id = owner.id AND i.type = 'ai_provider'), '')
      || coalesce((SELECT string_agg(p::text, ',' ORDER BY p::text) FROM ai_policies p
                   WHERE p.tenant_id = owner.id), ''));
  END LOOP;
  PERFORM set_config('precedent.tenant_id', coalesce(before, ''), true);
END
$$;
REVOKE ALL ON FUNCTION configuration_digests() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION configuration_digests() TO precedent_app;

-- What each tenant with a budget has spent and set aside this month (UTC), in one round trip.
CREATE FUNCTION budgets_this_month()
RETURNS TABLE (tenant_id integer, tenant text, month date, used_usd numeric, limit_usd numeric)
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  before text := current_setting('precedent.tenant_id', true);
  this_month date := budget_month(clock_timestamp());
  owner record;
BEGIN
  FOR owner IN SELECT t.id, t.name FROM tenants t ORDER BY t.name LOOP
    PERFORM set_config('precedent.tenant_id', owner.id::text, true);
    RETURN QUERY
      SELECT owner.id, owner.name, this_month,
        coalesce((SELECT b.spent_usd FROM budget_months b WHERE b.month = this_month), 0)
        + (SELECT coalesce(sum(r.amount_usd), 0) FROM budget_reservations r
           WHERE r.month = this_month AND r.expires_at > clock_timestamp()),
        p.monthly_budget_usd::numeric
      FROM ai_policies p WHERE p.source_id IS NULL AND p.monthly_budget_usd IS NOT NULL;
  END LOOP;
  PERFORM set_config('precedent.tenant_id', coalesce(before, ''), true);
END
$$;
REVOKE ALL ON FUNCTION budgets_this_month() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION budgets_this_month() TO precedent_app;

-- Incidents are few among documents; the sensor looks for them often.
CREATE INDEX ix_documents_incidents ON documents (tenant_id, source_id) WHERE kind = 'incident';
