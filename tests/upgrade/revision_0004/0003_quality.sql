-- Thresholds of a tenant and of its sources, and what a report keeps to be drawn and judged again.
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
-- One row for the tenant as a whole, one for each source.
CREATE UNIQUE INDEX uq_quality_thresholds_tenant_id ON quality_thresholds (tenant_id) WHERE source_id IS NULL;
CREATE UNIQUE INDEX uq_quality_thresholds_source_id ON quality_thresholds (source_id) WHERE source_id IS NOT NULL;

ALTER TABLE quality_thresholds ENABLE ROW LEVEL SECURITY;
ALTER TABLE quality_thresholds FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON quality_thresholds USING (tenant_id =
  (SELECT nullif(current_setting('precedent.tenant_id', true), '')::integer));
GRANT SELECT, INSERT, UPDATE, DELETE ON quality_thresholds TO precedent_app;

-- `figures` is what its pictures are drawn from; `sample` holds some vectors as halves, for the next report's drift.
-- The newest report of a space has both, an older one only its measures.
ALTER TABLE quality_reports
  ADD COLUMN figures JSONB DEFAULT '{}' NOT NULL,
  ADD COLUMN sample BYTEA;
