-- What a tenant allows its AI providers, how they are, and what they cost. The providers themselves are integrations.

-- Which of a tenant's providers a kind of work prefers.
CREATE TABLE ai_preferences (
  tenant_id INTEGER NOT NULL,
  capability TEXT NOT NULL,
  route TEXT NOT NULL,
  strategy TEXT NOT NULL,
  prefer TEXT[] DEFAULT '{}' NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_ai_preferences PRIMARY KEY (tenant_id, capability, route),
  CONSTRAINT ck_ai_preferences_capability CHECK (capability IN ('embedding', 'text_generation')),
  CONSTRAINT ck_ai_preferences_route CHECK (route IN ('etl', 'interactive')),
  CONSTRAINT ck_ai_preferences_strategy CHECK (strategy IN ('active', 'prefer', 'auto')),
  CONSTRAINT fk_ai_preferences_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
SELECT secure_table('ai_preferences');

-- What a tenant (no source) or one of its sources allows; a budget belongs to the tenant.
CREATE TABLE ai_policies (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  tenant_id INTEGER NOT NULL,
  source_id BIGINT,
  allow_external BOOLEAN DEFAULT true NOT NULL,
  mask BOOLEAN DEFAULT false NOT NULL,
  allow_private_addresses BOOLEAN DEFAULT true NOT NULL,
  monthly_budget_usd NUMERIC(18, 10),
  on_exhausted TEXT DEFAULT 'stop' NOT NULL,
  allow_unpriced BOOLEAN DEFAULT false NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_ai_policies PRIMARY KEY (id),
  CONSTRAINT uq_ai_policies_tenant_id_source_id UNIQUE NULLS NOT DISTINCT (tenant_id, source_id),
  CONSTRAINT ck_ai_policies_budget CHECK (monthly_budget_usd >= 0),
  CONSTRAINT ck_ai_policies_on_exhausted CHECK (on_exhausted IN ('stop', 'free')),
  CONSTRAINT ck_ai_policies_source_scope CHECK (source_id IS NULL OR monthly_budget_usd IS NULL),
  CONSTRAINT fk_ai_policies_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
  CONSTRAINT fk_ai_policies_source_id FOREIGN KEY (source_id) REFERENCES integrations (id) ON DELETE CASCADE
);
CREATE INDEX ix_ai_policies_source_id ON ai_policies (source_id);
SELECT secure_table('ai_policies');

-- The breaker and the limiter of one provider, shared by all processes, and what was last seen of it. Updated often,
-- never large. `revision` is the provider's fingerprint: another one begins with a closed breaker.
CREATE TABLE provider_health (
  tenant_id INTEGER NOT NULL,
  provider TEXT NOT NULL,
  revision TEXT NOT NULL,
  failures INTEGER DEFAULT 0 NOT NULL,
  open_until TIMESTAMP WITH TIME ZONE,
  reason TEXT,
  error TEXT,
  latency_ms DOUBLE PRECISION,
  succeeded_at TIMESTAMP WITH TIME ZONE,
  failed_at TIMESTAMP WITH TIME ZONE,
  requests_free_at TIMESTAMP WITH TIME ZONE,
  tokens_free_at TIMESTAMP WITH TIME ZONE,
  wait_until TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_provider_health PRIMARY KEY (tenant_id, provider),
  CONSTRAINT fk_provider_health_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
) WITH (fillfactor = 50);
SELECT secure_table('provider_health');

-- The ledger: one call to a provider, made or refused, with its tokens, its cost and where the price came from. There
-- is no foreign key to the provider's row: history outlives it.
CREATE TABLE usage_records (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  tenant_id INTEGER NOT NULL,
  call_id UUID NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
  provider TEXT NOT NULL,
  driver TEXT NOT NULL,
  model TEXT NOT NULL,
  revision TEXT NOT NULL,
  operation TEXT NOT NULL,
  route TEXT NOT NULL,
  inputs INTEGER DEFAULT 0 NOT NULL,
  input_tokens BIGINT DEFAULT 0 NOT NULL,
  output_tokens BIGINT DEFAULT 0 NOT NULL,
  cached_tokens BIGINT DEFAULT 0 NOT NULL,
  tokens_estimated BOOLEAN DEFAULT false NOT NULL,
  cost_usd NUMERIC(18, 10),
  cost_source TEXT,
  input_price_usd NUMERIC(18, 10),
  output_price_usd NUMERIC(18, 10),
  cached_price_usd NUMERIC(18, 10),
  latency_ms DOUBLE PRECISION NOT NULL,
  attempts INTEGER NOT NULL,
  status TEXT NOT NULL,
  failure TEXT,
  http_status INTEGER,
  masked INTEGER DEFAULT 0 NOT NULL,
  dagster_run_id TEXT,
  asset TEXT,
  partition TEXT,
  CONSTRAINT pk_usage_records PRIMARY KEY (id),
  CONSTRAINT uq_usage_records_tenant_id_call_id UNIQUE (tenant_id, call_id),
  CONSTRAINT ck_usage_records_status CHECK (status IN ('succeeded', 'failed', 'refused')),
  CONSTRAINT ck_usage_records_operation CHECK (operation IN ('embed', 'generate', 'check')),
  CONSTRAINT ck_usage_records_cost CHECK (cost_usd >= 0),
  CONSTRAINT fk_usage_records_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_usage_records_tenant_id_created_at ON usage_records (tenant_id, created_at);
CREATE INDEX ix_usage_records_dagster_run_id ON usage_records (dagster_run_id);
SELECT secure_table('usage_records');

-- What a tenant has spent in a month of UTC; kept by a trigger in the transaction of the usage row: it cannot drift.
CREATE TABLE budget_months (
  tenant_id INTEGER NOT NULL,
  month DATE NOT NULL,
  spent_usd NUMERIC(18, 10) DEFAULT 0 NOT NULL,
  CONSTRAINT pk_budget_months PRIMARY KEY (tenant_id, month),
  CONSTRAINT fk_budget_months_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
SELECT secure_table('budget_months');

-- Money set aside for a call that is under way; it frees itself when it expires. With a `call_id` it is of a call that
-- has ended without a known price, and stays until that row of the ledger gets one.
CREATE TABLE budget_reservations (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  tenant_id INTEGER NOT NULL,
  month DATE NOT NULL,
  amount_usd NUMERIC(18, 10) NOT NULL,
  provider TEXT NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
  call_id UUID,
  CONSTRAINT pk_budget_reservations PRIMARY KEY (id),
  CONSTRAINT ck_budget_reservations_amount CHECK (amount_usd >= 0),
  CONSTRAINT fk_budget_reservations_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX ix_budget_reservations_tenant_id_month ON budget_reservations (tenant_id, month);
SELECT secure_table('budget_reservations');
