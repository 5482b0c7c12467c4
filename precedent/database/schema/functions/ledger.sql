-- Functions around a call: each is one round trip and one transaction, and runs with the caller's rights, so that
-- row-level security applies inside.

CREATE OR REPLACE FUNCTION budget_month(moment timestamptz) RETURNS date
LANGUAGE sql STABLE AS $$ SELECT date_trunc('month', moment AT TIME ZONE 'UTC')::date $$;
SELECT secure_function('budget_month');

-- Keeps budget_months: what a usage row costs, also when its price is corrected later. A price that was unknown ends
-- what was kept for it.
CREATE OR REPLACE FUNCTION count_spending() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' AND OLD.cost_usd IS NULL AND (TG_OP = 'DELETE' OR NEW.cost_usd IS NOT NULL) THEN
    DELETE FROM budget_reservations r WHERE r.tenant_id = OLD.tenant_id AND r.call_id = OLD.call_id;
  END IF;
  IF TG_OP <> 'INSERT' AND OLD.cost_usd IS NOT NULL AND OLD.cost_usd <> 0 THEN
    UPDATE budget_months SET spent_usd = spent_usd - OLD.cost_usd
    WHERE tenant_id = OLD.tenant_id AND month = budget_month(OLD.created_at);
  END IF;
  IF TG_OP <> 'DELETE' AND NEW.cost_usd IS NOT NULL AND NEW.cost_usd <> 0 THEN
    INSERT INTO budget_months AS b (tenant_id, month, spent_usd)
    VALUES (NEW.tenant_id, budget_month(NEW.created_at), NEW.cost_usd)
    ON CONFLICT (tenant_id, month) DO UPDATE SET spent_usd = b.spent_usd + excluded.spent_usd;
  END IF;
  RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION count_spending FROM PUBLIC;
CREATE OR REPLACE TRIGGER count_spending AFTER INSERT OR UPDATE OF cost_usd OR DELETE ON usage_records
FOR EACH ROW EXECUTE FUNCTION count_spending();

-- May a call be made now? Answers `go` (perhaps after `wait_s` seconds: a slot is kept for the caller), or why not:
-- `open` (breaker), `limit` (the next slot is later than the caller would wait), `budget`, `unpriced`.
-- Limits are a generic cell rate algorithm with a burst of a tenth of a minute's limit, so that no 60 seconds ever
-- hold more than the limit. The order is: breaker, limits, budget, and only then are trial, slot and money taken.
-- A further attempt (`is_retry`) asks no breaker. `amount` is of all attempts of the call, and what `held_by` has set
-- aside for those before is raised to it, in the month in which the call began.
CREATE OR REPLACE FUNCTION admit_call(
  asked_provider text, asked_revision text, requests_per_minute integer, tokens_per_minute integer,
  tokens bigint, amount numeric, is_free boolean, ttl_s double precision, longest_wait_s double precision,
  is_retry boolean, held_by bigint
) RETURNS TABLE (verdict text, wait_s double precision, reservation bigint, detail text, is_trial boolean)
LANGUAGE plpgsql AS $$
DECLARE
  tenant integer := current_tenant();
  moment timestamptz := clock_timestamp();
  health provider_health%ROWTYPE;
  policy ai_policies%ROWTYPE;
  spent numeric;
  held numeric;
  passing numeric;  -- the part of `held` that calls under way will free or spend
  requests_at timestamptz;
  tokens_at timestamptz;
  start_at timestamptz := moment;
  step interval;
  burst CONSTANT interval := interval '6 seconds' / 0.9;  -- a tenth of a minute's limit
  trial boolean := false;
  this_month date := budget_month(moment);
BEGIN
  -- Slots and reservations pass: a server that crashes may forget the last half second of them, and no call waits
  -- for the disk. Usage rows, in settle_call, are money and do wait.
  PERFORM set_config('synchronous_commit', 'off', true);
  IF requests_per_minute IS NOT NULL OR tokens_per_minute IS NOT NULL THEN
    INSERT INTO provider_health (tenant_id, provider, revision) VALUES (tenant, asked_provider, asked_revision)
    ON CONFLICT DO NOTHING;
    SELECT * INTO health FROM provider_health h WHERE h.provider = asked_provider FOR UPDATE;
  ELSE
    SELECT * INTO health FROM provider_health h WHERE h.provider = asked_provider;
  END IF;
  moment := clock_timestamp();
  start_at := moment;

  IF NOT is_retry AND health.open_until IS NOT NULL AND health.revision = asked_revision THEN
    -- Half open: the first to come after the pause gets to try, the others wait for what becomes of it. The row stays
    -- locked to the end, because a caller that limits or budget refuse must not take the trial with it.
    SELECT * INTO health FROM provider_health h WHERE h.provider = asked_provider FOR UPDATE;
    trial := health.open_until IS NOT NULL AND health.revision = asked_revision;
    IF trial AND health.open_until > moment THEN
      RETURN QUERY SELECT 'open', CASE WHEN health.open_until = 'infinity' THEN NULL
        ELSE extract(epoch FROM health.open_until - moment)::double precision END,
        NULL::bigint, health.reason, false;
      RETURN;
    END IF;
  END IF;

  start_at := greatest(start_at, coalesce(health.wait_until, start_at));
  IF requests_per_minute IS NOT NULL THEN
    step := interval '60 seconds' / (0.9 * requests_per_minute);
    requests_at := greatest(coalesce(health.requests_free_at, moment), moment);
    start_at := greatest(start_at, requests_at - greatest(interval '0', burst - step));
    requests_at := requests_at + step;
  END IF;
  IF tokens_per_minute IS NOT NULL THEN
    step := interval '60 seconds' * (tokens / (0.9 * tokens_per_minute));
    tokens_at := greatest(coalesce(health.tokens_free_at, moment), moment);
    start_at := greatest(start_at, tokens_at - greatest(interval '0', burst - step));
    tokens_at := tokens_at + step;
  END IF;
  IF start_at - moment > make_interval(secs => longest_wait_s) THEN
    RETURN QUERY SELECT 'limit', extract(epoch FROM start_at - moment)::double precision, NULL::bigint, NULL::text,
      false;
    RETURN;
  END IF;

  IF NOT is_free THEN
    SELECT * INTO policy FROM ai_policies p WHERE p.source_id IS NULL AND p.monthly_budget_usd IS NOT NULL;
    IF FOUND THEN
      IF amount IS NULL AND NOT policy.allow_unpriced THEN
        RETURN QUERY SELECT 'unpriced', NULL::double precision, NULL::bigint, NULL::text, false;
        RETURN;
      END IF;
      -- A call belongs to the month in which it began.
      this_month := coalesce((SELECT r.month FROM budget_reservations r WHERE r.id = held_by), this_month);
      INSERT INTO budget_months (tenant_id, month) VALUES (tenant, this_month) ON CONFLICT DO NOTHING;
      SELECT b.spent_usd INTO spent FROM budget_months b WHERE b.month = this_month FOR UPDATE;
      DELETE FROM budget_reservations r WHERE r.id IS DISTINCT FROM held_by AND (r.expires_at <= clock_timestamp()
        OR r.call_id IS NOT NULL AND r.month < budget_month(clock_timestamp()));
      SELECT coalesce(sum(r.amount_usd), 0), coalesce(sum(r.amount_usd) FILTER (WHERE r.call_id IS NULL), 0)
      INTO held, passing FROM budget_reservations r WHERE r.month = this_month AND r.id IS DISTINCT FROM held_by;
      IF spent + held + coalesce(amount, 0) > policy.monthly_budget_usd THEN
        -- Where others' calls under way are all that is in the way, their money may soon be free.
        RETURN QUERY SELECT 'budget',
          CASE WHEN spent + held - passing + coalesce(amount, 0) <= policy.monthly_budget_usd THEN 1.0::double precision
          END, NULL::bigint,
          format('%s of %s USD spent, %s reserved, and the call may cost %s', round(spent, 6),
            round(policy.monthly_budget_usd, 2), round(held, 6), round(coalesce(amount, 0), 6)), false;
        RETURN;
      END IF;
      UPDATE budget_reservations r SET amount_usd = coalesce(amount, 0),
        expires_at = clock_timestamp() + make_interval(secs => ttl_s)
      WHERE r.id = held_by RETURNING r.id INTO reservation;
      IF NOT FOUND THEN
        INSERT INTO budget_reservations (tenant_id, month, amount_usd, provider, expires_at)
        VALUES (tenant, this_month, coalesce(amount, 0), asked_provider,
          clock_timestamp() + make_interval(secs => ttl_s))
        RETURNING id INTO reservation;
      END IF;
    END IF;
  END IF;

  IF trial OR requests_at IS NOT NULL OR tokens_at IS NOT NULL THEN
    UPDATE provider_health h SET requests_free_at = coalesce(requests_at, h.requests_free_at),
      tokens_free_at = coalesce(tokens_at, h.tokens_free_at),
      open_until = CASE WHEN trial THEN start_at + make_interval(secs => ttl_s) ELSE h.open_until END
    WHERE h.provider = asked_provider;
  END IF;
  RETURN QUERY SELECT 'go', extract(epoch FROM start_at - moment)::double precision, reservation, NULL::text, trial;
END
$$;
SELECT secure_function('admit_call');

-- The end of a call: its usage row, its reservation, and what it says about the provider, in one transaction.
-- `outcome` is `ok`, `answered` (with nothing of use, but it is up), `outage`, `refuses` (the key: open until the row
-- is edited) or `other` (nothing was learnt of the provider). A call without a price keeps `kept` USD of its
-- reservation, all of it where `kept` is NULL, until it gets one or the month ends: it may have been charged for.
CREATE OR REPLACE FUNCTION settle_call(
  record jsonb, reservation bigint, kept numeric, is_trial boolean, outcome text, opens_after integer,
  cooldown_s double precision, why text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  tenant integer := current_tenant();
  usage_id bigint;
  new usage_records%ROWTYPE;
  moment timestamptz := clock_timestamp();
  began timestamptz;
BEGIN
  -- Health, budget, reservation: the order in which admit_call locks them.
  new := jsonb_populate_record(NULL::usage_records, record);
  IF outcome = 'ok' THEN
    -- A healthy provider's row is written once a second at most.
    INSERT INTO provider_health AS h (tenant_id, provider, revision, latency_ms, succeeded_at)
    VALUES (tenant, new.provider, new.revision, new.latency_ms, moment)
    ON CONFLICT (tenant_id, provider) DO UPDATE SET
      revision = excluded.revision, failures = 0, open_until = NULL, reason = NULL, error = NULL,
      latency_ms = CASE WHEN h.revision = excluded.revision AND h.latency_ms IS NOT NULL
        THEN 0.8 * h.latency_ms + 0.2 * excluded.latency_ms ELSE excluded.latency_ms END,
      succeeded_at = moment
    WHERE h.failures > 0 OR h.open_until IS NOT NULL OR h.revision <> excluded.revision
      OR h.succeeded_at IS NULL OR h.succeeded_at < moment - interval '1 second';
  ELSIF outcome IN ('outage', 'refuses') THEN
    INSERT INTO provider_health AS h (tenant_id, provider, revision, failures, open_until, reason, error, failed_at)
    VALUES (tenant, new.provider, new.revision, 1,
      CASE WHEN outcome = 'refuses' THEN 'infinity'::timestamptz
           WHEN opens_after <= 1 THEN moment + make_interval(secs => cooldown_s) END, new.failure, why, moment)
    ON CONFLICT (tenant_id, provider) DO UPDATE SET
      -- A call that was under way when the breaker opened is no trial: its failure says nothing new.
      failures = CASE WHEN h.revision <> excluded.revision THEN 1
        WHEN h.open_until IS NOT NULL AND NOT is_trial THEN h.failures ELSE h.failures + 1 END,
      open_until = CASE
        WHEN outcome = 'refuses' THEN 'infinity'::timestamptz
        WHEN h.revision = excluded.revision AND h.open_until IS NOT NULL AND NOT is_trial THEN h.open_until
        -- Each failed trial doubles the pause, up to sixteen times.
        WHEN h.revision = excluded.revision AND h.failures + 1 >= opens_after
          THEN moment + make_interval(secs => cooldown_s * power(2, least(4, h.failures + 1 - opens_after)))
        ELSE excluded.open_until END,
      revision = excluded.revision, reason = excluded.reason, error = excluded.error, failed_at = moment;
  ELSIF outcome = 'answered' THEN
    UPDATE provider_health h SET failures = 0, open_until = NULL, reason = NULL, error = NULL
    WHERE h.provider = new.provider AND h.revision = new.revision AND h.failures > 0
      AND h.open_until IS DISTINCT FROM 'infinity';
  ELSIF is_trial THEN
    -- The call that had the trial of an open breaker gives it back: no other call would try before the trial expires.
    UPDATE provider_health h SET open_until = moment + make_interval(secs => cooldown_s)
    WHERE h.provider = new.provider AND h.revision = new.revision AND h.open_until <> 'infinity'
      AND h.open_until > moment + make_interval(secs => cooldown_s);
  END IF;
  -- What was set aside in a month is spent in that month.
  SELECT r.created_at INTO began FROM budget_reservations r WHERE r.id = reservation;
  INSERT INTO usage_records (
    tenant_id, call_id, created_at, provider, driver, model, revision, operation, route, inputs, input_tokens, output_tokens,
    cached_tokens, tokens_estimated, cost_usd, cost_source, input_price_usd, output_price_usd, cached_price_usd,
    latency_ms, attempts, status, failure, http_status, masked, dagster_run_id, asset, partition)
  VALUES (
    tenant, new.call_id, coalesce(began, moment), new.provider, new.driver, new.model, new.revision, new.operation, new.route, new.inputs,
    new.input_tokens, new.output_tokens, new.cached_tokens, new.tokens_estimated, new.cost_usd, new.cost_source,
    new.input_price_usd, new.output_price_usd, new.cached_price_usd, new.latency_ms, new.attempts, new.status,
    new.failure, new.http_status, new.masked, new.dagster_run_id, new.asset, new.partition)
  ON CONFLICT (tenant_id, call_id) DO NOTHING  -- the answer to the first try was lost on the way
  RETURNING id INTO usage_id;
  IF reservation IS NOT NULL AND new.cost_usd IS NULL AND coalesce(kept, 1) > 0 THEN
    UPDATE budget_reservations r SET amount_usd = coalesce(kept, r.amount_usd), call_id = new.call_id,
      expires_at = 'infinity'
    WHERE r.id = reservation;
  ELSIF reservation IS NOT NULL THEN
    DELETE FROM budget_reservations r WHERE r.id = reservation;
  END IF;
  RETURN usage_id;
END
$$;
SELECT secure_function('settle_call');
