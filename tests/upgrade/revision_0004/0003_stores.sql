-- Part of revision 0003.
-- Vector stores beside PostgreSQL, and what of the vectors is in them.

CREATE UNIQUE INDEX uq_integrations_active_vector_store ON integrations (tenant_id)
  WHERE type = 'vector_store' AND is_active;

-- Several platforms may share a server; this number keeps their tenants apart there.
CREATE TABLE installation (
  only_one BOOLEAN DEFAULT true NOT NULL,
  id UUID DEFAULT gen_random_uuid() NOT NULL,
  CONSTRAINT pk_installation PRIMARY KEY (only_one),
  CONSTRAINT ck_installation_only_one CHECK (only_one)
);
INSERT INTO installation DEFAULT VALUES;
GRANT SELECT ON installation TO precedent_app;

-- No foreign key to the space: its points are still to be removed when its row has gone.
CREATE TABLE vector_store_spaces (
  store_id BIGINT NOT NULL,
  space_id BIGINT NOT NULL,
  collection TEXT NOT NULL,
  ready BOOLEAN DEFAULT false NOT NULL,
  reason TEXT,
  recall DOUBLE PRECISION,
  compared_at TIMESTAMP WITH TIME ZONE,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_vector_store_spaces PRIMARY KEY (store_id, space_id),
  CONSTRAINT fk_vector_store_spaces_store_id FOREIGN KEY (store_id) REFERENCES integrations (id) ON DELETE CASCADE,
  CONSTRAINT fk_vector_store_spaces_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);

-- The vectors that a store holds; `version` is the moment of the vector that was written there.
CREATE TABLE vector_store_rows (
  store_id BIGINT NOT NULL,
  space_id BIGINT NOT NULL,
  content_hash BYTEA NOT NULL,
  version TIMESTAMP WITH TIME ZONE NOT NULL,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_vector_store_rows PRIMARY KEY (store_id, space_id, content_hash),
  CONSTRAINT fk_vector_store_rows_space FOREIGN KEY (store_id, space_id)
    REFERENCES vector_store_spaces (store_id, space_id) ON DELETE CASCADE,
  CONSTRAINT fk_vector_store_rows_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);

DO $$
DECLARE
  owned text;
BEGIN
  FOREACH owned IN ARRAY ARRAY['vector_store_spaces', 'vector_store_rows'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', owned);
    EXECUTE format(
      'CREATE POLICY tenant_rows ON %I USING (tenant_id = '
      '(SELECT nullif(current_setting(''precedent.tenant_id'', true), '''')::integer))', owned);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO precedent_app', owned);
  END LOOP;
END
$$;
