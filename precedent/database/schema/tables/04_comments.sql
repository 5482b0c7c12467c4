-- What was said on items: each comment is searched by passages and words of its own, and leads to its item.

-- A clean comment. Those that are records of their own have a `raw_item_id`, the others stand in their item's payload. One
-- without a text, as programs write them, has a row so that it is not read again, and is not searched. `input_hash`
-- covers the payload, or in its item's the comment, and the versions of extraction and words.
CREATE TABLE comments (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  document_id BIGINT NOT NULL,
  raw_item_id BIGINT,
  external_id TEXT NOT NULL,
  text TEXT NOT NULL,
  author TEXT,
  url TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  input_hash BYTEA NOT NULL,
  content_hash BYTEA NOT NULL,
  source_id BIGINT NOT NULL,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_comments PRIMARY KEY (id),
  CONSTRAINT uq_comments_raw_item_id UNIQUE (raw_item_id),
  CONSTRAINT fk_comments_document_id FOREIGN KEY (document_id) REFERENCES documents (id) ON DELETE CASCADE,
  CONSTRAINT fk_comments_raw_item_id FOREIGN KEY (raw_item_id) REFERENCES raw_items (id) ON DELETE CASCADE,
  CONSTRAINT fk_comments_source_id FOREIGN KEY (source_id) REFERENCES integrations (id) ON DELETE CASCADE,
  CONSTRAINT fk_comments_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_comments_document_id ON comments (document_id);
CREATE INDEX ix_comments_source_id ON comments (source_id);
SELECT secure_table('comments');

-- Passages of a comment count their ordinals from 0, as those of the item's own text do.
ALTER TABLE chunks ADD COLUMN comment_id BIGINT,
  ADD CONSTRAINT fk_chunks_comment_id FOREIGN KEY (comment_id) REFERENCES comments (id) ON DELETE CASCADE,
  DROP CONSTRAINT uq_chunks_document_id_cut_ordinal;
CREATE UNIQUE INDEX uq_chunks_document_id_cut_ordinal ON chunks (document_id, cut, ordinal, coalesce(comment_id, 0));
CREATE INDEX ix_chunks_comment_id ON chunks (comment_id) WHERE comment_id IS NOT NULL;

-- What a comment's passages were made from, by cut: its item's title, its content hash and the chunker's version.
CREATE TABLE comment_cuts (
  comment_id BIGINT NOT NULL,
  cut TEXT NOT NULL,
  made_from BYTEA NOT NULL,
  source_id BIGINT NOT NULL,
  tenant_id INTEGER NOT NULL,
  CONSTRAINT pk_comment_cuts PRIMARY KEY (comment_id, cut),
  CONSTRAINT fk_comment_cuts_comment_id FOREIGN KEY (comment_id) REFERENCES comments (id) ON DELETE CASCADE,
  CONSTRAINT fk_comment_cuts_source_id FOREIGN KEY (source_id) REFERENCES integrations (id) ON DELETE CASCADE,
  CONSTRAINT fk_comment_cuts_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_comment_cuts_source_id ON comment_cuts (source_id);
SELECT secure_table('comment_cuts');

-- The words of each comment, as document_words has those of titles and texts; what a result must be is asked of the
-- item there. `said_at` keeps what was said later out of a search for what was known before.
CREATE TABLE comment_words (
  comment_id BIGINT NOT NULL,
  document_id BIGINT NOT NULL,
  tenant_id INTEGER NOT NULL,
  length INTEGER NOT NULL,
  said_at TIMESTAMP WITH TIME ZONE,
  words TSVECTOR NOT NULL,
  CONSTRAINT pk_comment_words PRIMARY KEY (comment_id),
  CONSTRAINT fk_comment_words_comment_id FOREIGN KEY (comment_id) REFERENCES comments (id) ON DELETE CASCADE,
  CONSTRAINT fk_comment_words_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_comment_words_document_id ON comment_words (document_id);
CREATE INDEX ix_comment_words_words ON comment_words USING gin (words);
SELECT secure_table('comment_words');
-- What lets rank_by_words, which runs as the owner, past the policy; the application's role is not the owner.
CREATE POLICY owner_ranks ON comment_words FOR SELECT TO CURRENT_USER USING (true);

-- How many comments with words a tenant has, and how many words they have in all; NULL where there was never one.
ALTER TABLE corpus_counts ADD COLUMN comments BIGINT, ADD COLUMN comments_length BIGINT,
  ALTER COLUMN documents SET DEFAULT 0, ALTER COLUMN length SET DEFAULT 0;
