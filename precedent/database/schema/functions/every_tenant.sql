-- What sensors and schedules ask of all tenants, each question in one round trip; configurations and credentials are no
-- part of any answer.
--
-- Each function runs with the caller's rights and becomes one tenant after the other, so that row-level security holds
-- inside as everywhere; the caller's own tenant is restored. The loop stands in each: a function that takes the question
-- as text would plan it anew for every tenant, which takes four to seven times as long.

-- Every source, with how its last sync ended.
CREATE OR REPLACE FUNCTION source_schedule()
RETURNS TABLE (
  source_id bigint, tenant_id integer, tenant text, name text, kind text, is_active boolean, revision integer,
  state text, wait_until timestamptz, failures integer, syncs bigint, last_refresh timestamptz, swept_at timestamptz,
  configured integer, token text, reported_at timestamptz)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  before text := current_setting('precedent.tenant_id', true);
  asked record;
BEGIN
  FOR asked IN SELECT t.id, t.name FROM tenants t ORDER BY t.name LOOP
    PERFORM set_config('precedent.tenant_id', asked.id::text, true);
    RETURN QUERY
      SELECT i.id, asked.id, asked.name, i.name, i.provider, i.is_active, i.revision,
             s.state, s.wait_until, s.failures, s.syncs, s.last_refresh, s.swept_at, s.revision, s.token,
             (SELECT max(q.created_at) FROM quality_reports q WHERE q.source_id = i.id)
      FROM integrations i LEFT JOIN sync_state s ON s.source_id = i.id AND s.stream = ''
      WHERE i.tenant_id = asked.id AND i.type = 'data_source' ORDER BY i.name;
  END LOOP;
  PERFORM set_config('precedent.tenant_id', coalesce(before, ''), true);
END
$$;
SELECT secure_function('source_schedule');

-- Sources with incidents whose analysis is missing or was made from something else. `versions` maps a tenant's number
-- to the version (hex) that an analysis must have been made with; tenants that are not named are left out. `digest`
-- changes whenever the set of those incidents does; `tried` counts them where some attempt has failed before.
CREATE OR REPLACE FUNCTION incidents_to_analyse(versions jsonb)
RETURNS TABLE (source_id bigint, tenant_id integer, tenant text, name text, incidents bigint, tried bigint, digest text)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  before text := current_setting('precedent.tenant_id', true);
  asked record;
BEGIN
  FOR asked IN
    SELECT t.id, t.name, decode(v.value, 'hex') AS version
    FROM tenants t JOIN jsonb_each_text(versions) v ON v.key::integer = t.id ORDER BY t.name
  LOOP
    PERFORM set_config('precedent.tenant_id', asked.id::text, true);
    RETURN QUERY
      SELECT p.source_id, asked.id, asked.name, i.name, count(*), count(*) FILTER (WHERE p.tried),
             encode(sha256(string_agg(p.input, ''::bytea ORDER BY p.input)), 'hex')
      FROM (
        SELECT d.source_id, h.input,
               EXISTS (SELECT FROM analysis_runs f WHERE f.source_id = d.source_id
                         AND f.external_id = d.external_id AND f.input_hash = h.input) AS tried
        FROM documents d
        CROSS JOIN LATERAL (
          SELECT sha256(asked.version || d.content_hash || convert_to(coalesce(d.state, ''), 'UTF8')) AS input) h
        WHERE d.tenant_id = asked.id AND d.kind = 'incident' AND NOT EXISTS (
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
SELECT secure_function('incidents_to_analyse');

-- The tenants that have incidents at all: only for them the caller must find out what an analysis is made with.
CREATE OR REPLACE FUNCTION tenants_with_incidents() RETURNS SETOF integer
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  before text := current_setting('precedent.tenant_id', true);
  asked record;
BEGIN
  FOR asked IN SELECT t.id FROM tenants t ORDER BY t.id LOOP
    PERFORM set_config('precedent.tenant_id', asked.id::text, true);
    IF EXISTS (SELECT FROM documents d WHERE d.tenant_id = asked.id AND d.kind = 'incident') THEN
      RETURN NEXT asked.id;
    END IF;
  END LOOP;
  PERFORM set_config('precedent.tenant_id', coalesce(before, ''), true);
END
$$;
SELECT secure_function('tenants_with_incidents');

-- A digest of each tenant's providers and policies that changes with every edit of one; what they hold cannot be told
-- from it.
CREATE OR REPLACE FUNCTION configuration_digests() RETURNS TABLE (tenant_id integer, tenant text, digest text)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  before text := current_setting('precedent.tenant_id', true);
  asked record;
BEGIN
  FOR asked IN SELECT t.id, t.name FROM tenants t ORDER BY t.name LOOP
    PERFORM set_config('precedent.tenant_id', asked.id::text, true);
    RETURN QUERY SELECT asked.id, asked.name, md5(
      coalesce((SELECT string_agg(concat_ws('/', i.id, i.revision, i.is_active, i.updated_at), ',' ORDER BY i.id)
                FROM integrations i WHERE i.tenant_id = asked.id AND i.type = 'ai_provider'), '')
      || coalesce((SELECT string_agg(p::text, ',' ORDER BY p::text) FROM ai_policies p
                   WHERE p.tenant_id = asked.id), ''));
  END LOOP;
  PERFORM set_config('precedent.tenant_id', coalesce(before, ''), true);
END
$$;
SELECT secure_function('configuration_digests');

-- What each tenant with a budget has spent and set aside this month (UTC).
CREATE OR REPLACE FUNCTION budgets_this_month()
RETURNS TABLE (tenant_id integer, tenant text, month date, used_usd numeric, limit_usd numeric)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  before text := current_setting('precedent.tenant_id', true);
  this_month date := budget_month(clock_timestamp());
  asked record;
BEGIN
  FOR asked IN SELECT t.id, t.name FROM tenants t ORDER BY t.name LOOP
    PERFORM set_config('precedent.tenant_id', asked.id::text, true);
    RETURN QUERY
      SELECT asked.id, asked.name, this_month,
        coalesce((SELECT b.spent_usd FROM budget_months b WHERE b.month = this_month), 0)
        + (SELECT coalesce(sum(r.amount_usd), 0) FROM budget_reservations r
           WHERE r.month = this_month AND r.expires_at > clock_timestamp()),
        p.monthly_budget_usd::numeric
      FROM ai_policies p WHERE p.source_id IS NULL AND p.monthly_budget_usd IS NOT NULL;
  END LOOP;
  PERFORM set_config('precedent.tenant_id', coalesce(before, ''), true);
END
$$;
SELECT secure_function('budgets_this_month');
