-- Tenants, and what each has connected.
CREATE EXTENSION IF NOT EXISTS vector;

-- The names of tenants are no secret between them: a command must find a tenant by name before it can become it.
CREATE TABLE tenants (
  id SERIAL NOT NULL,
  name TEXT NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_tenants PRIMARY KEY (id),
  CONSTRAINT ck_tenants_name CHECK (name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
  CONSTRAINT uq_tenants_name UNIQUE (name)
);
SELECT grant_to_app('SELECT, INSERT', 'tenants');
SELECT grant_to_app('USAGE', 'SEQUENCE tenants_id_seq');
SELECT grant_to_app('SELECT', 'alembic_version');

-- One row: several platforms may share a vector store; this number keeps their tenants apart there.
CREATE TABLE installation (
  only_one BOOLEAN DEFAULT true NOT NULL,
  id UUID DEFAULT gen_random_uuid() NOT NULL,
  CONSTRAINT pk_installation PRIMARY KEY (only_one),
  CONSTRAINT ck_installation_only_one CHECK (only_one)
);
INSERT INTO installation DEFAULT VALUES;
SELECT grant_to_app('SELECT', 'installation');

-- Something that a tenant has connected. `type` is `data_source` (`provider` is then its kind), `ai_provider` (its
-- driver) or `vector_store` (its kind); credentials are encrypted.
CREATE TABLE integrations (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  type TEXT NOT NULL,
  name TEXT NOT NULL,
  provider TEXT NOT NULL,
  configuration JSONB DEFAULT '{}' NOT NULL,
  description TEXT,
  is_active BOOLEAN DEFAULT true NOT NULL,
  revision INTEGER DEFAULT 1 NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  tenant_id INTEGER NOT NULL,
  capability TEXT,
  base_url TEXT,
  credentials TEXT,
  model TEXT,
  model_config JSONB DEFAULT '{}' NOT NULL,
  performance_config JSONB DEFAULT '{}' NOT NULL,
  cost_config JSONB DEFAULT '{}' NOT NULL,
  fallback_id BIGINT,
  CONSTRAINT pk_integrations PRIMARY KEY (id),
  CONSTRAINT uq_integrations_tenant_id_type_name UNIQUE (tenant_id, type, name),
  CONSTRAINT uq_integrations_tenant_id_capability_id UNIQUE (tenant_id, capability, id),
  CONSTRAINT ck_integrations_name CHECK (name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
  CONSTRAINT ck_integrations_capability CHECK (capability IN ('embedding', 'text_generation')),
  CONSTRAINT ck_integrations_provider_capability CHECK ((type = 'ai_provider') = (capability IS NOT NULL)),
  CONSTRAINT ck_integrations_not_its_own_fallback CHECK (fallback_id <> id),
  CONSTRAINT fk_integrations_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
  -- Tenant and capability in the key make a fallback elsewhere impossible, not just refused.
  CONSTRAINT fk_integrations_fallback FOREIGN KEY (tenant_id, capability, fallback_id)
    REFERENCES integrations (tenant_id, capability, id) ON DELETE SET NULL (fallback_id)
);
CREATE INDEX ix_integrations_fallback_id ON integrations (fallback_id);
CREATE UNIQUE INDEX uq_integrations_active ON integrations (tenant_id, capability)
  WHERE type = 'ai_provider' AND is_active;
CREATE UNIQUE INDEX uq_integrations_active_vector_store ON integrations (tenant_id)
  WHERE type = 'vector_store' AND is_active;
SELECT secure_table('integrations');
