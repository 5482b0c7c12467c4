-- What sources gave, what of it was refused, and how far each has been read.

-- A payload as it came. `deleted_at` is set where the source no longer has it; `stream` says which stream of a live
-- source it came from, because a sweep compares what a stream lists with what came from it.
CREATE TABLE raw_items (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  kind TEXT NOT NULL,
  shape TEXT NOT NULL,
  external_id TEXT NOT NULL,
  parent_id TEXT,
  payload JSONB NOT NULL,
  payload_hash BYTEA NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  notes TEXT[] DEFAULT '{}' NOT NULL,
  fetched_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  deleted_at TIMESTAMP WITH TIME ZONE,
  source_id BIGINT NOT NULL,
  tenant_id INTEGER NOT NULL,
  stream TEXT,
  CONSTRAINT pk_raw_items PRIMARY KEY (id),
  CONSTRAINT uq_raw_items_source_id_kind_external_id UNIQUE (source_id, kind, external_id),
  CONSTRAINT fk_raw_items_source_id FOREIGN KEY (source_id) REFERENCES integrations (id) ON DELETE CASCADE,
  CONSTRAINT fk_raw_items_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_raw_items_source_id ON raw_items (source_id);
CREATE INDEX ix_raw_items_source_id_parent_id ON raw_items (source_id, parent_id);
CREATE INDEX ix_raw_items_tenant_id ON raw_items (tenant_id);
-- Tombstones by age, for maintenance; few rows have one.
CREATE INDEX ix_raw_items_deleted_at ON raw_items (tenant_id, deleted_at) WHERE deleted_at IS NOT NULL;
SELECT secure_table('raw_items');

-- A record that could not be read: where it stands and why, never its content.
CREATE TABLE rejected_records (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  file TEXT NOT NULL,
  line INTEGER NOT NULL,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  source_id BIGINT NOT NULL,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_rejected_records PRIMARY KEY (id),
  CONSTRAINT fk_rejected_records_source_id FOREIGN KEY (source_id) REFERENCES integrations (id) ON DELETE CASCADE,
  CONSTRAINT fk_rejected_records_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_rejected_records_source_id ON rejected_records (source_id);
CREATE INDEX ix_rejected_records_tenant_id ON rejected_records (tenant_id);
SELECT secure_table('rejected_records');

-- One row for a source as a whole (stream '') and one for each of its streams. `cursor` says where the next page of a
-- stream begins; `token`, `validators` and `name` are those of the last probe that a complete sync began with, and
-- `identity` is what the server itself called the source at the first sync.
CREATE TABLE sync_state (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  fingerprint TEXT,
  last_refresh TIMESTAMP WITH TIME ZONE,
  details JSONB DEFAULT '{}' NOT NULL,
  source_id BIGINT NOT NULL,
  tenant_id INTEGER NOT NULL,
  stream TEXT DEFAULT '' NOT NULL,
  cursor JSONB,
  state TEXT DEFAULT 'ok' NOT NULL,
  code TEXT,
  reason TEXT,
  wait_until TIMESTAMP WITH TIME ZONE,
  failures INTEGER DEFAULT 0 NOT NULL,
  syncs BIGINT DEFAULT 0 NOT NULL,
  token TEXT,
  validators JSONB,
  name TEXT,
  revision INTEGER,
  swept_at TIMESTAMP WITH TIME ZONE,
  identity TEXT,
  CONSTRAINT pk_sync_state PRIMARY KEY (id),
  CONSTRAINT uq_sync_state_source_id_stream UNIQUE (source_id, stream),
  CONSTRAINT ck_sync_state_state CHECK (state IN ('ok', 'waiting', 'needs_attention')),
  CONSTRAINT fk_sync_state_source_id FOREIGN KEY (source_id) REFERENCES integrations (id) ON DELETE CASCADE,
  CONSTRAINT fk_sync_state_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_sync_state_source_id ON sync_state (source_id);
CREATE INDEX ix_sync_state_tenant_id ON sync_state (tenant_id);
SELECT secure_table('sync_state');
