-- The tables as of the first release; frozen, later revisions change them.
CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE tenants (
  id SERIAL NOT NULL,
  name TEXT NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_tenants PRIMARY KEY (id),
  CONSTRAINT ck_tenants_name CHECK (name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
  CONSTRAINT uq_tenants_name UNIQUE (name)
);
CREATE TABLE embedding_spaces (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  model_revision TEXT NOT NULL,
  dimensions INTEGER NOT NULL,
  precision TEXT NOT NULL,
  preprocessing TEXT NOT NULL,
  status TEXT NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_embedding_spaces PRIMARY KEY (id),
  CONSTRAINT ck_embedding_spaces_status CHECK (status IN ('building', 'active', 'retired')),
  CONSTRAINT fk_embedding_spaces_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX uq_embedding_spaces_active ON embedding_spaces (tenant_id) WHERE status = 'active';
CREATE TABLE integrations (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  type TEXT NOT NULL,
  name TEXT NOT NULL,
  provider TEXT NOT NULL,
  configuration JSONB DEFAULT '{}' NOT NULL,
  description TEXT,
  is_active BOOLEAN DEFAULT 'true' NOT NULL,
  revision INTEGER DEFAULT '1' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_integrations PRIMARY KEY (id),
  CONSTRAINT uq_integrations_tenant_id_type_name UNIQUE (tenant_id, type, name),
  CONSTRAINT ck_integrations_name CHECK (name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
  CONSTRAINT fk_integrations_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE TABLE analysis_runs (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  external_id TEXT NOT NULL,
  input_hash BYTEA NOT NULL,
  provider_asked TEXT NOT NULL,
  provider_served TEXT,
  model TEXT,
  prompt_version TEXT NOT NULL,
  status TEXT NOT NULL,
  error TEXT,
  recommendations JSONB NOT NULL,
  evidence JSONB NOT NULL,
  input_tokens INTEGER DEFAULT '0' NOT NULL,
  output_tokens INTEGER DEFAULT '0' NOT NULL,
  cost_usd NUMERIC(18, 10),
  duration_ms DOUBLE PRECISION NOT NULL,
  dagster_run_id TEXT,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  source_id BIGINT NOT NULL,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_analysis_runs PRIMARY KEY (id),
  CONSTRAINT ck_analysis_runs_status CHECK (status IN ('succeeded', 'failed')),
  CONSTRAINT fk_analysis_runs_source_id FOREIGN KEY(source_id) REFERENCES integrations (id) ON DELETE CASCADE,
  CONSTRAINT fk_analysis_runs_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_analysis_runs_source_id ON analysis_runs (source_id);
CREATE INDEX ix_analysis_runs_source_id_external_id_created_at ON analysis_runs (source_id, external_id, created_at);
CREATE TABLE embedding_failures (
  space_id BIGINT NOT NULL,
  content_hash BYTEA NOT NULL,
  attempts INTEGER DEFAULT '1' NOT NULL,
  error TEXT NOT NULL,
  failed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_embedding_failures PRIMARY KEY (space_id, content_hash),
  CONSTRAINT fk_embedding_failures_space_id FOREIGN KEY(space_id) REFERENCES embedding_spaces (id) ON DELETE CASCADE,
  CONSTRAINT fk_embedding_failures_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE TABLE embeddings (
  space_id BIGINT NOT NULL,
  content_hash BYTEA NOT NULL,
  embedding HALFVEC NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_embeddings PRIMARY KEY (space_id, content_hash),
  CONSTRAINT fk_embeddings_space_id FOREIGN KEY(space_id) REFERENCES embedding_spaces (id),
  CONSTRAINT fk_embeddings_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
)
 PARTITION BY LIST (space_id);
CREATE TABLE quality_reports (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  space_id BIGINT NOT NULL,
  manifest TEXT NOT NULL,
  score DOUBLE PRECISION NOT NULL,
  passed BOOLEAN NOT NULL,
  measures JSONB NOT NULL,
  gates JSONB NOT NULL,
  plot BYTEA,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  source_id BIGINT NOT NULL,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_quality_reports PRIMARY KEY (id),
  CONSTRAINT fk_quality_reports_space_id FOREIGN KEY(space_id) REFERENCES embedding_spaces (id) ON DELETE CASCADE,
  CONSTRAINT fk_quality_reports_source_id FOREIGN KEY(source_id) REFERENCES integrations (id) ON DELETE CASCADE,
  CONSTRAINT fk_quality_reports_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_quality_reports_source_id ON quality_reports (source_id);
CREATE INDEX ix_quality_reports_source_id_created_at ON quality_reports (source_id, created_at);
CREATE INDEX ix_quality_reports_space_id ON quality_reports (space_id);
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
  CONSTRAINT pk_raw_items PRIMARY KEY (id),
  CONSTRAINT uq_raw_items_source_id_kind_external_id UNIQUE (source_id, kind, external_id),
  CONSTRAINT fk_raw_items_source_id FOREIGN KEY(source_id) REFERENCES integrations (id) ON DELETE CASCADE,
  CONSTRAINT fk_raw_items_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_raw_items_source_id ON raw_items (source_id);
CREATE INDEX ix_raw_items_source_id_parent_id ON raw_items (source_id, parent_id);
CREATE INDEX ix_raw_items_tenant_id ON raw_items (tenant_id);
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
  CONSTRAINT fk_rejected_records_source_id FOREIGN KEY(source_id) REFERENCES integrations (id) ON DELETE CASCADE,
  CONSTRAINT fk_rejected_records_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_rejected_records_source_id ON rejected_records (source_id);
CREATE INDEX ix_rejected_records_tenant_id ON rejected_records (tenant_id);
CREATE TABLE sync_state (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  fingerprint TEXT,
  last_refresh TIMESTAMP WITH TIME ZONE,
  details JSONB DEFAULT '{}' NOT NULL,
  source_id BIGINT NOT NULL,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_sync_state PRIMARY KEY (id),
  CONSTRAINT uq_sync_state_source_id UNIQUE (source_id),
  CONSTRAINT fk_sync_state_source_id FOREIGN KEY(source_id) REFERENCES integrations (id) ON DELETE CASCADE,
  CONSTRAINT fk_sync_state_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_sync_state_source_id ON sync_state (source_id);
CREATE INDEX ix_sync_state_tenant_id ON sync_state (tenant_id);
CREATE TABLE documents (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  raw_item_id BIGINT NOT NULL,
  kind TEXT NOT NULL,
  external_id TEXT NOT NULL,
  title TEXT NOT NULL,
  text TEXT NOT NULL,
  state TEXT,
  type TEXT,
  priority TEXT,
  resolution TEXT,
  labels TEXT[] DEFAULT '{}' NOT NULL,
  components TEXT[] DEFAULT '{}' NOT NULL,
  author TEXT,
  url TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  input_hash BYTEA NOT NULL,
  content_hash BYTEA NOT NULL,
  chunked_hash BYTEA,
  search TSVECTOR NOT NULL,
  extracted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  source_id BIGINT NOT NULL,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_documents PRIMARY KEY (id),
  CONSTRAINT uq_documents_raw_item_id UNIQUE (raw_item_id),
  CONSTRAINT fk_documents_raw_item_id FOREIGN KEY(raw_item_id) REFERENCES raw_items (id) ON DELETE CASCADE,
  CONSTRAINT fk_documents_source_id FOREIGN KEY(source_id) REFERENCES integrations (id) ON DELETE CASCADE,
  CONSTRAINT fk_documents_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_documents_search ON documents USING gin (search);
CREATE INDEX ix_documents_source_id ON documents (source_id);
CREATE INDEX ix_documents_source_id_kind_external_id ON documents (source_id, kind, external_id);
CREATE INDEX ix_documents_tenant_id_external_id ON documents (tenant_id, external_id);
CREATE TABLE chunks (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  document_id BIGINT NOT NULL,
  ordinal INTEGER NOT NULL,
  text TEXT NOT NULL,
  tokens INTEGER NOT NULL,
  content_hash BYTEA NOT NULL,
  source_id BIGINT NOT NULL,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_chunks PRIMARY KEY (id),
  CONSTRAINT uq_chunks_document_id_ordinal UNIQUE (document_id, ordinal),
  CONSTRAINT fk_chunks_document_id FOREIGN KEY(document_id) REFERENCES documents (id) ON DELETE CASCADE,
  CONSTRAINT fk_chunks_source_id FOREIGN KEY(source_id) REFERENCES integrations (id) ON DELETE CASCADE,
  CONSTRAINT fk_chunks_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_chunks_source_id ON chunks (source_id);
CREATE INDEX ix_chunks_tenant_id_content_hash ON chunks (tenant_id, content_hash);
