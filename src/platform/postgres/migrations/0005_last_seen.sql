-- Where an account was last seen, for the location signal: coarse, sealed, and kept only for programs whose policy asks.
create table account_seen (
  program_id  integer not null,
  account_key bytea not null,                      -- keyed hash
  seen        bytea not null,                      -- sealed JSON of signals/core/location.ts LastSeen
  primary key (program_id, account_key)
) with (fillfactor = 70);

grant select, insert, update on account_seen to pointguard_service;
