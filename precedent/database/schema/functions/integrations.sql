-- A chain of fallbacks that comes back to itself is refused, whichever program writes it.
CREATE OR REPLACE FUNCTION refuse_fallback_cycle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.fallback_id IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('fallback_cycle'), NEW.tenant_id);
  IF EXISTS (
    WITH RECURSIVE chain AS (
      SELECT i.id, i.fallback_id FROM integrations i WHERE i.id = NEW.fallback_id
      UNION
      SELECT i.id, i.fallback_id FROM integrations i JOIN chain c ON i.id = c.fallback_id
    ) SELECT FROM chain WHERE id = NEW.id
  ) THEN
    RAISE EXCEPTION 'fallback_cycle' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION refuse_fallback_cycle FROM PUBLIC;
DROP TRIGGER IF EXISTS refuse_fallback_cycle ON integrations;
CREATE CONSTRAINT TRIGGER refuse_fallback_cycle AFTER INSERT OR UPDATE OF fallback_id ON integrations
FOR EACH ROW EXECUTE FUNCTION refuse_fallback_cycle();
