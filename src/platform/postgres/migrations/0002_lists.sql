-- Block, allow and watch lists. An entry is never edited: the service may only say that it was removed, when and why.
create table list_entry (
  program_id     integer not null,
  entry_id       uuid not null,                    -- time-ordered
  list           text not null check (list in ('block', 'allow', 'watch')),
  subject        text not null,
  value          text not null,                    -- in canonical form
  reason         text not null,
  created_at_ms  bigint not null,
  expires_at_ms  bigint,                           -- null: it has no end
  removed_at_ms  bigint,
  removed_reason text,
  salt           bytea,                            -- opens the audit's commitment to what the entry names
  change         bigint not null,                  -- version of the program's lists in which the row last changed
  primary key (program_id, entry_id)
);
-- what an instance has not seen yet; a page of one list; who is on any list
create index list_entry_by_change on list_entry (program_id, change);
create index list_entry_by_list on list_entry (program_id, list, entry_id);
create index list_entry_by_value on list_entry (program_id, subject, value, entry_id);

grant select, insert, update (removed_at_ms, removed_reason, change) on list_entry to pointguard_service;
