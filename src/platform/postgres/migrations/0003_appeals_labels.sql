-- Appeals: a member objects to a decision. Labels: what a transaction or account turned out to be; scoring learns from them.
-- Notes are free text of and about people: sealed under the program's key of the month.

create table appeal (
  program_id  integer not null,
  appeal_id   uuid not null,                       -- time-ordered
  decision_id uuid not null,
  at_ms       bigint not null,
  due_at_ms   bigint not null,
  state       text not null check (state in ('open', 'upheld', 'rejected')),
  note        bytea not null,
  primary key (program_id, appeal_id)
);
create index appeal_of_decision on appeal (program_id, decision_id);
create index appeal_open on appeal (program_id, due_at_ms) where state = 'open';

create table label (
  program_id     integer not null,
  label_id       uuid not null,                    -- time-ordered
  decision_id    uuid,
  event_id       text,                             -- of the ledger
  account_key    bytea,                            -- keyed hash
  account_id     text,
  label          text not null check (label in ('fraud', 'legitimate')),
  source         text not null,
  labelled_at_ms bigint not null,
  recorded_at_ms bigint not null,
  note           bytea,
  primary key (program_id, label_id),
  check (num_nonnulls(decision_id, event_id, account_key) = 1)
);
create index label_of_decision on label (program_id, decision_id) where decision_id is not null;
create index label_of_account on label (program_id, account_key) where account_key is not null;

grant select, insert on appeal, label to pointguard_service;
grant update (state) on appeal to pointguard_service;
