-- Clean texts, the passages they are cut into, and their words for the lexical leg of search.

-- One text per raw item, with the facts that search filters by. `input_hash` covers the payloads and the extractor's
-- version, `content_hash` title and text.
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
  extracted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  source_id BIGINT NOT NULL,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_documents PRIMARY KEY (id),
  CONSTRAINT uq_documents_raw_item_id UNIQUE (raw_item_id),
  CONSTRAINT fk_documents_raw_item_id FOREIGN KEY (raw_item_id) REFERENCES raw_items (id) ON DELETE CASCADE,
  CONSTRAINT fk_documents_source_id FOREIGN KEY (source_id) REFERENCES integrations (id) ON DELETE CASCADE,
  CONSTRAINT fk_documents_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_documents_source_id ON documents (source_id);
CREATE INDEX ix_documents_source_id_kind_external_id ON documents (source_id, kind, external_id);
CREATE INDEX ix_documents_tenant_id_external_id ON documents (tenant_id, external_id);
-- Incidents are few among documents; the sensor looks for them often.
CREATE INDEX ix_documents_incidents ON documents (tenant_id, source_id) WHERE kind = 'incident';
SELECT secure_table('documents');

-- A passage that fits the model's window. `cut` names the model and its window: the active space keeps its passages
-- until a space of another model takes over, and two spaces whose models read alike share them.
CREATE TABLE chunks (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  document_id BIGINT NOT NULL,
  ordinal INTEGER NOT NULL,
  text TEXT NOT NULL,
  tokens INTEGER NOT NULL,
  content_hash BYTEA NOT NULL,
  source_id BIGINT NOT NULL,
  tenant_id INTEGER NOT NULL,
  cut TEXT NOT NULL,
  CONSTRAINT pk_chunks PRIMARY KEY (id),
  CONSTRAINT uq_chunks_document_id_cut_ordinal UNIQUE (document_id, cut, ordinal),
  CONSTRAINT fk_chunks_document_id FOREIGN KEY (document_id) REFERENCES documents (id) ON DELETE CASCADE,
  CONSTRAINT fk_chunks_source_id FOREIGN KEY (source_id) REFERENCES integrations (id) ON DELETE CASCADE,
  CONSTRAINT fk_chunks_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_chunks_source_id ON chunks (source_id);
CREATE INDEX ix_chunks_tenant_id_content_hash ON chunks (tenant_id, content_hash);
SELECT secure_table('chunks');

-- What a document's passages were made from, by cut: its content hash and the chunker's version.
CREATE TABLE document_cuts (
  document_id BIGINT NOT NULL,
  cut TEXT NOT NULL,
  made_from BYTEA NOT NULL,
  source_id BIGINT NOT NULL,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_document_cuts PRIMARY KEY (document_id, cut),
  CONSTRAINT fk_document_cuts_document_id FOREIGN KEY (document_id) REFERENCES documents (id) ON DELETE CASCADE,
  CONSTRAINT fk_document_cuts_source_id FOREIGN KEY (source_id) REFERENCES integrations (id) ON DELETE CASCADE,
  CONSTRAINT fk_document_cuts_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_document_cuts_source_id ON document_cuts (source_id);
SELECT secure_table('document_cuts');

-- The words of each document, with the class of their frequency; `version` is the analyser's, `length` counts words.
--
-- A table of its own, not columns of `documents`: its rows are a third as wide, so that thousands of matches are read
-- in milliseconds; marking a document as cut touches no full-text index; and a change of words is what its triggers
-- see, nothing else. It repeats the facts that search filters by, state, author and labels in lower case, so that a
-- filter costs no join. What every match is asked for stands first. The foreign key to the source is the document's.
CREATE TABLE document_words (
  document_id BIGINT NOT NULL,
  source_id BIGINT NOT NULL,
  tenant_id INTEGER NOT NULL,
  length INTEGER NOT NULL,
  version INTEGER NOT NULL,
  kind TEXT NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  state TEXT,
  author TEXT,
  labels TEXT[] DEFAULT '{}' NOT NULL,
  words TSVECTOR NOT NULL,
  CONSTRAINT pk_document_words PRIMARY KEY (document_id),
  CONSTRAINT fk_document_words_document_id FOREIGN KEY (document_id) REFERENCES documents (id) ON DELETE CASCADE,
  CONSTRAINT fk_document_words_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_document_words_source_id ON document_words (source_id);
CREATE INDEX ix_document_words_words ON document_words USING gin (words);
SELECT secure_table('document_words');
-- What lets rank_by_words, which runs as the owner, past the policy; the application's role is not the owner.
CREATE POLICY owner_ranks ON document_words FOR SELECT TO CURRENT_USER USING (true);

-- How many documents of a tenant have a lexeme, and how many documents and words it has in all. Kept by the triggers of
-- document_words, in the transaction that changes the words: exact, and no search counts anything.
CREATE TABLE lexeme_counts (
  tenant_id INTEGER NOT NULL,
  lexeme TEXT COLLATE "C" NOT NULL,
  documents INTEGER NOT NULL,
  CONSTRAINT pk_lexeme_counts PRIMARY KEY (tenant_id, lexeme),
  CONSTRAINT fk_lexeme_counts_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
) WITH (fillfactor = 70);
SELECT secure_table('lexeme_counts', 'SELECT');

CREATE TABLE corpus_counts (
  tenant_id INTEGER NOT NULL,
  documents BIGINT NOT NULL,
  length BIGINT NOT NULL,
  CONSTRAINT pk_corpus_counts PRIMARY KEY (tenant_id),
  CONSTRAINT fk_corpus_counts_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
) WITH (fillfactor = 50);
SELECT secure_table('corpus_counts', 'SELECT');
