-- What a model said to the texts of a source's last quality report: an edit pays for what it changed, not for all of
-- them again. `made_by` names the configured model; another one has no answers. `canary_at` is when a passage was last
-- asked as a canary, NULL of other texts.
CREATE TABLE quality_answers (
  source_id BIGINT NOT NULL,
  space_id BIGINT NOT NULL,
  content_hash BYTEA NOT NULL,
  made_by TEXT NOT NULL,
  answer BYTEA NOT NULL,
  canary_at TIMESTAMP WITH TIME ZONE,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_quality_answers PRIMARY KEY (source_id, space_id, content_hash),
  CONSTRAINT fk_quality_answers_source_id FOREIGN KEY (source_id) REFERENCES integrations (id) ON DELETE CASCADE,
  CONSTRAINT fk_quality_answers_space_id FOREIGN KEY (space_id) REFERENCES embedding_spaces (id) ON DELETE CASCADE,
  CONSTRAINT fk_quality_answers_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_quality_answers_space_id ON quality_answers (space_id);
SELECT secure_table('quality_answers');
