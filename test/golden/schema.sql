-- The record's schema after all migrations, read from the catalogs. For review, not for execution.
-- To regenerate: UPDATE_GOLDEN=1 npm run test:contract -- test/contract/postgres/schema.spec.ts

grant usage on schema pointguard to pointguard_service

table account_seen with (fillfactor=70)
  program_id integer not null
  account_key bytea not null
  seen bytea not null
  constraint account_seen_pkey PRIMARY KEY (program_id, account_key)
  CREATE UNIQUE INDEX account_seen_pkey ON pointguard.account_seen USING btree (program_id, account_key)
  grant insert, select, update to pointguard_service

table api_client
  client_id text not null
  program_id integer not null
  scopes text[] not null
  secret_hash text not null
  created_at_ms bigint not null
  revoked_at_ms bigint
  constraint api_client_pkey PRIMARY KEY (client_id)
  constraint api_client_program_id_fkey FOREIGN KEY (program_id) REFERENCES pointguard.program(program_id)
  CREATE INDEX api_client_program ON pointguard.api_client USING btree (program_id, client_id)
  CREATE UNIQUE INDEX api_client_pkey ON pointguard.api_client USING btree (client_id)
  grant insert, select, update to pointguard_service

table appeal
  program_id integer not null
  appeal_id uuid not null
  decision_id uuid not null
  at_ms bigint not null
  due_at_ms bigint not null
  state text not null
  note bytea not null
  constraint appeal_pkey PRIMARY KEY (program_id, appeal_id)
  constraint appeal_state_check CHECK ((state = ANY (ARRAY['open'::text, 'upheld'::text, 'rejected'::text])))
  CREATE INDEX appeal_of_decision ON pointguard.appeal USING btree (program_id, decision_id)
  CREATE INDEX appeal_open ON pointguard.appeal USING btree (program_id, due_at_ms) WHERE (state = 'open'::text)
  CREATE UNIQUE INDEX appeal_pkey ON pointguard.appeal USING btree (program_id, appeal_id)
  grant insert, select to pointguard_service
  grant update (state) to pointguard_service

table audit
  program_id integer not null
  seq bigint not null
  at_ms bigint not null
  actor_kind text not null
  actor_id text not null
  action text not null
  target text not null
  reason text
  network text
  commitment bytea
  hash bytea not null
  constraint audit_actor_kind_check CHECK ((actor_kind = ANY (ARRAY['person'::text, 'client'::text, 'system'::text])))
  constraint audit_pkey PRIMARY KEY (program_id, seq)
  CREATE UNIQUE INDEX audit_pkey ON pointguard.audit USING btree (program_id, seq)
  CREATE TRIGGER audit_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON pointguard.audit FOR EACH STATEMENT EXECUTE FUNCTION pointguard.audit_is_append_only()
  grant insert, select to pointguard_service

table decision with (fillfactor=85)
  program_id integer not null
  transaction_id text not null
  decision_id uuid
  account_key bytea
  account_id text
  type text
  direction text
  points bigint
  fingerprint bytea
  outcome text
  status text not null
  score integer
  policy_version integer
  evaluated_at_ms bigint
  status_changed_ms bigint not null
  version integer not null
  hold_ends_ms bigint
  hold_then text
  open_until_ms bigint
  subject_keys bytea[]
  entry_seq bigint
  entry_at_ms bigint
  entry_points bigint
  entry_marked boolean
  points_committed bigint
  points_reversed bigint
  verdict text not null default '{}'::text
  progress text not null default '{}'::text
  constraint decision_pkey PRIMARY KEY (program_id, transaction_id)
  CREATE INDEX decision_by_account ON pointguard.decision USING btree (program_id, account_key, decision_id)
  CREATE INDEX decision_open_by_account ON pointguard.decision USING btree (program_id, account_key) WHERE (open_until_ms IS NOT NULL)
  CREATE INDEX decision_open_by_end ON pointguard.decision USING btree (program_id, open_until_ms) WHERE (open_until_ms IS NOT NULL)
  CREATE INDEX decision_waiting ON pointguard.decision USING btree (program_id, status, decision_id) WHERE (status = ANY (ARRAY['challenged'::text, 'in_review'::text]))
  CREATE UNIQUE INDEX decision_by_id ON pointguard.decision USING btree (program_id, decision_id)
  CREATE UNIQUE INDEX decision_pkey ON pointguard.decision USING btree (program_id, transaction_id)
  grant insert, select, update to pointguard_service

table decision_evidence partition by RANGE (recorded_at)
  program_id integer not null
  decision_id uuid not null
  recorded_at timestamp with time zone not null default now()
  request text not null
  sealed bytea
  salt bytea
  readings text not null
  constraint decision_evidence_pkey PRIMARY KEY (program_id, decision_id, recorded_at)
  CREATE UNIQUE INDEX decision_evidence_pkey ON ONLY pointguard.decision_evidence USING btree (program_id, decision_id, recorded_at)
  3 partitions decision_evidence_YYYY_MM FOR VALUES FROM ('YYYY-MM-01 00:00:00+00') TO ('YYYY-MM-01 00:00:00+00')
  grant insert, select to pointguard_service
  grant update (salt) to pointguard_service
  grant update (sealed) to pointguard_service

table event partition by RANGE (recorded_at)
  program_id integer not null
  seq bigint not null
  event_id uuid not null
  type text not null
  aggregate_id text not null
  version integer not null
  at_ms bigint not null
  recorded_at timestamp with time zone not null default now()
  data text not null
  constraint event_pkey PRIMARY KEY (program_id, seq, recorded_at)
  CREATE UNIQUE INDEX event_pkey ON ONLY pointguard.event USING btree (program_id, seq, recorded_at)
  3 partitions event_YYYY_MM FOR VALUES FROM ('YYYY-MM-01 00:00:00+00') TO ('YYYY-MM-01 00:00:00+00')
  grant insert, select to pointguard_service

table label
  program_id integer not null
  label_id uuid not null
  decision_id uuid
  event_id text
  account_key bytea
  account_id text
  label text not null
  source text not null
  labelled_at_ms bigint not null
  recorded_at_ms bigint not null
  note bytea
  constraint label_check CHECK ((num_nonnulls(decision_id, event_id, account_key) = 1))
  constraint label_label_check CHECK ((label = ANY (ARRAY['fraud'::text, 'legitimate'::text])))
  constraint label_pkey PRIMARY KEY (program_id, label_id)
  CREATE INDEX label_of_account ON pointguard.label USING btree (program_id, account_key) WHERE (account_key IS NOT NULL)
  CREATE INDEX label_of_decision ON pointguard.label USING btree (program_id, decision_id) WHERE (decision_id IS NOT NULL)
  CREATE UNIQUE INDEX label_pkey ON pointguard.label USING btree (program_id, label_id)
  grant insert, select to pointguard_service

table lane with (fillfactor=50)
  program_id integer not null
  seq bigint not null default 0
  batch bigint not null default 0
  now_ms bigint not null default 0
  clock_ms bigint
  began boolean not null default false
  committed jsonb not null default '{}'::jsonb
  heads jsonb not null default '{}'::jsonb
  constraint lane_pkey PRIMARY KEY (program_id)
  constraint lane_program_id_fkey FOREIGN KEY (program_id) REFERENCES pointguard.program(program_id)
  CREATE UNIQUE INDEX lane_pkey ON pointguard.lane USING btree (program_id)
  grant insert, select, update to pointguard_service

table list_entry
  program_id integer not null
  entry_id uuid not null
  list text not null
  subject text not null
  value text not null
  reason text not null
  created_at_ms bigint not null
  expires_at_ms bigint
  removed_at_ms bigint
  removed_reason text
  salt bytea
  change bigint not null
  constraint list_entry_list_check CHECK ((list = ANY (ARRAY['block'::text, 'allow'::text, 'watch'::text])))
  constraint list_entry_pkey PRIMARY KEY (program_id, entry_id)
  CREATE INDEX list_entry_by_change ON pointguard.list_entry USING btree (program_id, change)
  CREATE INDEX list_entry_by_list ON pointguard.list_entry USING btree (program_id, list, entry_id)
  CREATE INDEX list_entry_by_value ON pointguard.list_entry USING btree (program_id, subject, value, entry_id)
  CREATE UNIQUE INDEX list_entry_pkey ON pointguard.list_entry USING btree (program_id, entry_id)
  grant insert, select to pointguard_service
  grant update (change) to pointguard_service
  grant update (removed_at_ms) to pointguard_service
  grant update (removed_reason) to pointguard_service

table policy_activation
  program_id integer not null
  activation integer not null
  version integer not null
  activated_at_ms bigint not null
  activated_by text not null
  constraint policy_activation_pkey PRIMARY KEY (program_id, activation)
  constraint policy_activation_program_id_version_fkey FOREIGN KEY (program_id, version) REFERENCES pointguard.policy_version(program_id, version)
  CREATE INDEX policy_activation_version ON pointguard.policy_activation USING btree (program_id, version, activation)
  CREATE UNIQUE INDEX policy_activation_pkey ON pointguard.policy_activation USING btree (program_id, activation)
  grant insert, select to pointguard_service

table policy_version
  program_id integer not null
  version integer not null
  document text not null
  created_at_ms bigint not null
  constraint policy_version_pkey PRIMARY KEY (program_id, version)
  constraint policy_version_program_id_fkey FOREIGN KEY (program_id) REFERENCES pointguard.program(program_id)
  CREATE UNIQUE INDEX policy_version_pkey ON pointguard.policy_version USING btree (program_id, version)
  grant insert, select to pointguard_service

table program
  program_id integer not null generated by default as identity
  name text not null
  mode text not null
  created_at_ms bigint not null
  constraint program_mode_check CHECK ((mode = ANY (ARRAY['live'::text, 'test'::text, 'system'::text])))
  constraint program_name_key UNIQUE (name)
  constraint program_pkey PRIMARY KEY (program_id)
  CREATE UNIQUE INDEX program_name_key ON pointguard.program USING btree (name)
  CREATE UNIQUE INDEX program_pkey ON pointguard.program USING btree (program_id)
  grant insert, select to pointguard_service

table schema_migration
  version integer not null
  name text not null
  checksum text not null
  applied_at timestamp with time zone not null default now()
  constraint schema_migration_pkey PRIMARY KEY (version)
  CREATE UNIQUE INDEX schema_migration_pkey ON pointguard.schema_migration USING btree (version)
  grant select to pointguard_service

table subject with (fillfactor=60, toast_tuple_target=8160, autovacuum_vacuum_scale_factor=0.05)
  program_id integer not null
  key bytea not null
  state bytea not null storage m
  constraint subject_pkey PRIMARY KEY (program_id, key)
  CREATE UNIQUE INDEX subject_pkey ON pointguard.subject USING btree (program_id, key)
  grant insert, select, update to pointguard_service

CREATE OR REPLACE FUNCTION pointguard.audit_is_append_only()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ begin raise exception 'audit is append-only'; end $function$

  grant execute to public

CREATE OR REPLACE FUNCTION pointguard.ensure_partition(parent regclass, month date)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pointguard', 'pg_temp'
 SET "TimeZone" TO 'UTC'
 SET lock_timeout TO '200ms'
AS $function$
declare
  relation text := (select relname from pg_class where oid = parent);
  child text := relation || to_char(month, '"_"YYYY"_"MM');
begin
  if relation not in ('decision_evidence', 'event') then raise exception 'not a partitioned table of ours'; end if;
  if to_regclass('pointguard.' || child) is not null then return false; end if;
  execute format('create table pointguard.%I partition of pointguard.%I for values from (%L) to (%L)', child, relation,
    date_trunc('month', month)::date, (date_trunc('month', month) + interval '1 month')::date);
  return true;
end $function$

  grant execute to pointguard_service
