-- When each version of a policy came into force, and by whom. A version is a draft until its first row here; the first
-- version of a program counts from the program's beginning. Which one is in force now says the lane row (heads.policy).
create table policy_activation (
  program_id      integer not null,
  activation      integer not null,                -- 1, 2, … within the program
  version         integer not null,
  activated_at_ms bigint not null,
  activated_by    text not null,                   -- kind and id of who did it, as in the audit
  primary key (program_id, activation),
  foreign key (program_id, version) references policy_version
);
create index policy_activation_version on policy_activation (program_id, version, activation);

grant select, insert on policy_activation to pointguard_service;
