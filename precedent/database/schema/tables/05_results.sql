-- How good the vectors are, and what was recommended for incidents.

-- How good a source's vectors are; `manifest` is the digest of what was measured. The newest report of a source and
-- space keeps its plot, the `figures` it is drawn from, and a `sample` of vectors (halves) for the next report's drift;
-- an older one keeps only its measures.
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
  figures JSONB DEFAULT '{}' NOT NULL,
  sample BYTEA,
  CONSTRAINT pk_quality_reports PRIMARY KEY (id),
  CONSTRAINT fk_quality_reports_space_id FOREIGN KEY (space_id) REFERENCES embedding_spaces (id) ON DELETE CASCADE,
  CONSTRAINT fk_quality_reports_source_id FOREIGN KEY (source_id) REFERENCES integrations (id) ON DELETE CASCADE,
  CONSTRAINT fk_quality_reports_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_quality_reports_source_id ON quality_reports (source_id);
CREATE INDEX ix_quality_reports_source_id_created_at ON quality_reports (source_id, created_at);
CREATE INDEX ix_quality_reports_space_id ON quality_reports (space_id);
SELECT secure_table('quality_reports');

-- When the gates of a report fail: one row for the tenant as a whole, one for each source, which goes first.
CREATE TABLE quality_thresholds (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  thresholds JSONB DEFAULT '{}' NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  source_id BIGINT,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_quality_thresholds PRIMARY KEY (id),
  CONSTRAINT ck_quality_thresholds_thresholds CHECK (jsonb_typeof(thresholds) = 'object'),
  CONSTRAINT fk_quality_thresholds_source_id FOREIGN KEY (source_id) REFERENCES integrations (id) ON DELETE CASCADE,
  CONSTRAINT fk_quality_thresholds_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX uq_quality_thresholds_tenant_id ON quality_thresholds (tenant_id) WHERE source_id IS NULL;
CREATE UNIQUE INDEX uq_quality_thresholds_source_id ON quality_thresholds (source_id) WHERE source_id IS NOT NULL;
SELECT secure_table('quality_thresholds');

-- One analysis of one incident: who was asked, who answered, with what evidence.
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
  input_tokens INTEGER DEFAULT 0 NOT NULL,
  output_tokens INTEGER DEFAULT 0 NOT NULL,
  cost_usd NUMERIC(18, 10),
  duration_ms DOUBLE PRECISION NOT NULL,
  dagster_run_id TEXT,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  source_id BIGINT NOT NULL,
  tenant_id INTEGER NOT NULL,
  fallback_reason TEXT,
  provider_revision TEXT,
  config JSONB DEFAULT '{}' NOT NULL,
  masked INTEGER DEFAULT 0 NOT NULL,
  attempts JSONB DEFAULT '[]' NOT NULL,
  CONSTRAINT pk_analysis_runs PRIMARY KEY (id),
  CONSTRAINT ck_analysis_runs_status CHECK (status IN ('succeeded', 'failed')),
  CONSTRAINT fk_analysis_runs_source_id FOREIGN KEY (source_id) REFERENCES integrations (id) ON DELETE CASCADE,
  CONSTRAINT fk_analysis_runs_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_analysis_runs_source_id ON analysis_runs (source_id);
CREATE INDEX ix_analysis_runs_source_id_external_id_created_at ON analysis_runs (source_id, external_id, created_at);
SELECT secure_table('analysis_runs');
