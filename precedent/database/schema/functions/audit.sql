-- The audit log: whichever program changes a configuration, a trigger writes who did it and what was before. The
-- functions run as their owner, because nobody else may write the log.

-- Adds a row to the log, in the caller's tenant; `precedent.actor` says who the caller is.
CREATE OR REPLACE FUNCTION record_action(
  action text, object text, name text, before jsonb DEFAULT NULL, after jsonb DEFAULT NULL
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  actor jsonb := nullif(current_setting('precedent.actor', true), '')::jsonb;
BEGIN
  INSERT INTO audit_log (tenant_id, actor_kind, actor, address, request_id, action, object, name, before, after)
  VALUES (current_tenant(), coalesce(actor->>'kind', 'system'), coalesce(actor->>'name', 'precedent'),
    actor->>'address', actor->>'request', action, object, name, before, after);
END
$$;
SELECT secure_function('record_action');

-- A row as the log shows it: no numbers and moments that say nothing, and of a secret only that there is one.
CREATE OR REPLACE FUNCTION shown_in_audit(stored jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT coalesce(jsonb_object_agg(key, CASE WHEN key = 'credentials' THEN '"stored"'::jsonb ELSE value END), '{}')
  FROM jsonb_each(stored)
  WHERE value <> 'null' AND key NOT IN ('id', 'tenant_id', 'hash', 'revision', 'created_at', 'updated_at', 'last_used_at')
$$;
SELECT secure_function('shown_in_audit');

-- Logs one change of a row. The argument of the trigger says what a row of the table is called; of `integrations` the
-- type says it. Where only numbers and moments have changed that the log does not show, nothing is logged.
CREATE OR REPLACE FUNCTION audit_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  stored jsonb := to_jsonb(CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END);
  before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN shown_in_audit(to_jsonb(OLD)) END;
  after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN shown_in_audit(to_jsonb(NEW)) END;
  changed text[];
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF before ? 'credentials' AND after ? 'credentials'
      AND to_jsonb(OLD)->'credentials' <> to_jsonb(NEW)->'credentials' THEN
      after := after || '{"credentials": "replaced"}';
    END IF;
    SELECT array_agg(key) INTO changed FROM (SELECT jsonb_object_keys(before || after) AS key) keys
    WHERE before->key IS DISTINCT FROM after->key;
    IF changed IS NULL THEN
      RETURN NULL;
    END IF;
    before := (SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(before) WHERE key = ANY(changed));
    after := (SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(after) WHERE key = ANY(changed));
  END IF;
  PERFORM record_action(
    CASE TG_OP WHEN 'INSERT' THEN 'added' WHEN 'UPDATE' THEN 'changed' ELSE 'removed' END,
    CASE stored->>'type' WHEN 'data_source' THEN 'source' WHEN 'ai_provider' THEN 'provider'
      WHEN 'vector_store' THEN 'vector store' ELSE TG_ARGV[0] END,
    coalesce(stored->>'name', (SELECT i.name FROM integrations i WHERE i.id = (stored->>'source_id')::bigint),
      (stored->>'capability') || '/' || (stored->>'route'), CASE WHEN TG_ARGV[0] = 'policy' THEN 'tenant' END,
      stored->>'id'), before, after);
  RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION audit_change() FROM PUBLIC;

CREATE OR REPLACE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON integrations
FOR EACH ROW EXECUTE FUNCTION audit_change();
CREATE OR REPLACE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON tenants
FOR EACH ROW EXECUTE FUNCTION audit_change('tenant');
CREATE OR REPLACE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON ai_policies
FOR EACH ROW EXECUTE FUNCTION audit_change('policy');
CREATE OR REPLACE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON ai_preferences
FOR EACH ROW EXECUTE FUNCTION audit_change('route');
CREATE OR REPLACE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON members
FOR EACH ROW EXECUTE FUNCTION audit_change('member');
CREATE OR REPLACE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON api_tokens
FOR EACH ROW EXECUTE FUNCTION audit_change('token');
CREATE OR REPLACE TRIGGER audit_change AFTER INSERT OR DELETE ON sessions
FOR EACH ROW EXECUTE FUNCTION audit_change('session');
CREATE OR REPLACE TRIGGER audit_change AFTER UPDATE OF status, held OR DELETE ON embedding_spaces
FOR EACH ROW EXECUTE FUNCTION audit_change('space');

-- Nobody changes the log, not even its owner by mistake.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'The audit log is only added to.' USING ERRCODE = 'insufficient_privilege';
END
$$;
REVOKE ALL ON FUNCTION refuse_change() FROM PUBLIC;
CREATE OR REPLACE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The tenants that a person belongs to, with the role in each, in the order of their names.
CREATE OR REPLACE FUNCTION memberships_of(person text) RETURNS TABLE (tenant_id integer, tenant text, role text)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  before text := current_setting('precedent.tenant_id', true);
  asked record;
BEGIN
  FOR asked IN SELECT t.id, t.name FROM tenants t ORDER BY t.name LOOP
    PERFORM set_config('precedent.tenant_id', asked.id::text, true);
    RETURN QUERY SELECT asked.id, asked.name, m.role FROM members m WHERE m.name = person;
  END LOOP;
  PERFORM set_config('precedent.tenant_id', coalesce(before, ''), true);
END
$$;
SELECT secure_function('memberships_of');
