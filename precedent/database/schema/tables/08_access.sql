-- Who may do what, and who did what. A row without a tenant belongs to the platform as a whole and is seen by
-- transactions without a tenant only.

-- A person in a tenant. The same name in several tenants is the same person.
CREATE TABLE members (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  tenant_id INTEGER,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_members PRIMARY KEY (id),
  CONSTRAINT uq_members_tenant_id_name UNIQUE NULLS NOT DISTINCT (tenant_id, name),
  CONSTRAINT ck_members_role CHECK (
    CASE WHEN tenant_id IS NULL THEN role = 'platform' ELSE role IN ('viewer', 'operator', 'admin') END),
  CONSTRAINT fk_members_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
SELECT secure_platform_table('members');

-- A program's key to the interfaces. Of the key only the digest is kept; two keys of one name are valid while one
-- replaces the other.
CREATE TABLE api_tokens (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  tenant_id INTEGER,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  hash BYTEA NOT NULL,
  last_four TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE,
  revoked_at TIMESTAMP WITH TIME ZONE,
  last_used_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_api_tokens PRIMARY KEY (id),
  CONSTRAINT uq_api_tokens_hash UNIQUE (hash),
  CONSTRAINT ck_api_tokens_name CHECK (name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
  CONSTRAINT ck_api_tokens_role CHECK (
    CASE WHEN tenant_id IS NULL THEN role = 'platform' ELSE role IN ('viewer', 'operator', 'admin') END),
  CONSTRAINT fk_api_tokens_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_api_tokens_tenant_id_name ON api_tokens (tenant_id, name);
SELECT secure_platform_table('api_tokens');

-- A link by which a person signs in once; a row that is used or has expired is removed.
CREATE TABLE sign_in_links (
  hash BYTEA NOT NULL,
  name TEXT NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_sign_in_links PRIMARY KEY (hash)
);
SELECT secure_platform_table('sign_in_links');

-- A browser in which a person is signed in. What the person may do is looked up in `members` at each request.
CREATE TABLE sessions (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  hash BYTEA NOT NULL,
  name TEXT NOT NULL,
  address TEXT,
  browser TEXT,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
  last_used_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_sessions PRIMARY KEY (id),
  CONSTRAINT uq_sessions_hash UNIQUE (hash)
);
CREATE INDEX ix_sessions_name ON sessions (name);
SELECT secure_platform_table('sessions');

-- What was changed, by whom, from where; triggers write it, and nobody changes it. The changes of one transaction have
-- the same moment. There is no foreign key to the
-- tenant: history outlives it.
CREATE TABLE audit_log (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  tenant_id INTEGER,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  actor_kind TEXT NOT NULL,
  actor TEXT NOT NULL,
  address TEXT,
  request_id TEXT,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  name TEXT NOT NULL,
  before JSONB,
  after JSONB,
  CONSTRAINT pk_audit_log PRIMARY KEY (id)
);
CREATE INDEX ix_audit_log_tenant_id_id ON audit_log (tenant_id, id);
SELECT secure_platform_table('audit_log', 'SELECT');

-- Identity columns need no right on their sequence.
REVOKE ALL ON SEQUENCE members_id_seq, api_tokens_id_seq, sessions_id_seq, audit_log_id_seq FROM PUBLIC;
