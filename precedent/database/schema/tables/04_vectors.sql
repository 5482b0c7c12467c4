-- Embedding spaces, their vectors, and what of them other vector stores hold.

-- All vectors that may be compared: one tenant, model, revision, precision and preprocessing. A space is built beside
-- the active one and promoted in its place; the one before stays `previous`, can be rolled back to, and is `retired`
-- (history without vectors) in the end. A space that is `held` was rolled back from: only a person promotes it again.
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
  cut TEXT NOT NULL,
  made_by JSONB DEFAULT '{}' NOT NULL,
  promoted_at TIMESTAMP WITH TIME ZONE,
  held BOOLEAN DEFAULT false NOT NULL,
  CONSTRAINT pk_embedding_spaces PRIMARY KEY (id),
  CONSTRAINT ck_embedding_spaces_status CHECK (status IN ('building', 'active', 'previous', 'retired')),
  CONSTRAINT fk_embedding_spaces_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX uq_embedding_spaces_active ON embedding_spaces (tenant_id) WHERE status = 'active';
SELECT secure_table('embedding_spaces');

-- The vector of one text; passages refer to it by content hash. create_space_partition() makes a partition for each
-- space. There are no foreign keys: the two took half of the time of writing a vector, and say nothing that a
-- partition's bound (its space) and constraint (its tenant) do not. A trigger on the spaces drops the partition.
CREATE TABLE embeddings (
  space_id BIGINT NOT NULL,
  content_hash BYTEA NOT NULL,
  embedding HALFVEC NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_embeddings PRIMARY KEY (space_id, content_hash)
) PARTITION BY LIST (space_id);
SELECT secure_table('embeddings');

-- Vectors whose passages are gone: a passage that comes back, or a source that is added again, costs nothing.
CREATE TABLE embedding_cache (
  space_id BIGINT NOT NULL,
  content_hash BYTEA NOT NULL,
  embedding HALFVEC NOT NULL,
  removed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_embedding_cache PRIMARY KEY (space_id, content_hash),
  CONSTRAINT fk_embedding_cache_space_id FOREIGN KEY (space_id) REFERENCES embedding_spaces (id) ON DELETE CASCADE,
  CONSTRAINT fk_embedding_cache_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
SELECT secure_table('embedding_cache');

-- A text that could not be embedded; the next run tries it again.
CREATE TABLE embedding_failures (
  space_id BIGINT NOT NULL,
  content_hash BYTEA NOT NULL,
  attempts INTEGER DEFAULT 1 NOT NULL,
  error TEXT NOT NULL,
  failed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_embedding_failures PRIMARY KEY (space_id, content_hash),
  CONSTRAINT fk_embedding_failures_space_id FOREIGN KEY (space_id) REFERENCES embedding_spaces (id) ON DELETE CASCADE,
  CONSTRAINT fk_embedding_failures_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
SELECT secure_table('embedding_failures');

-- A space as a vector store has it; search may ask the store for it only while it is `ready`. There is no foreign key
-- to the space: its points are still to be removed from the store when its row has gone.
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
SELECT secure_table('vector_store_spaces');

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
SELECT secure_table('vector_store_rows');
