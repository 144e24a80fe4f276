-- What the audit found: one file a dataset, beside its index and swapped in whole like it. store.py shows
-- the tables of all datasets under their plain names, and only those that were made of the index as it is.

create table audit_run (
    dataset_id     integer not null,
    build_id       varchar not null,       -- the index that was audited
    state          varchar not null,       -- of index, facts, catalogue and configuration: the same, same findings
    schema_version integer not null,
    audited_at     timestamp not null,     -- UTC
    seconds        double not null
);

create table check_run (
    dataset_id integer not null,
    check_id   varchar not null,           -- the slug, as in `kpaudit checks`
    title      varchar not null,
    category   varchar not null,
    severity   varchar not null,           -- error, warning, info; as configured
    status     varchar not null,           -- done, not applicable, off, failed
    reason     varchar,                    -- why it did not apply, was off or failed
    findings   bigint not null,            -- all that were found; table finding lists the worst `budget` of them
    listed     bigint not null,
    records    bigint,                     -- how many were looked at
    unit       varchar,                    -- what was counted there: images, annotations, boxes, poses, ...
    flagged    bigint,                     -- how many of them have a finding
    seconds    double not null,
    params     json,
    notes      varchar[],                  -- what the check had to leave out or assume
    audited_at timestamp not null
);

create table finding (
    finding_key   varchar not null,        -- the same after indexing again: decisions hang on it
    check_id      varchar not null,
    severity      varchar not null,        -- error, warning, info
    dataset_id    integer not null,
    image_id      bigint,                  -- NULL: of the dataset as a whole, a class, a subject
    annotation_id bigint,
    joint         smallint,
    score         double not null,         -- 0 to 1, higher is worse; 1: a hard fact
    detail        varchar not null,        -- a sentence with the numbers in it
    evidence      json,
    about         varchar,                 -- what it is about, where that is no image: a class, a subject, a split
    suppressed    varchar,                 -- the reason why it does not count, NULL where it does
    digest        bigint,                  -- the annotation's: a suppression sees that it changed
    records       bigint                   -- how many records it stands for; NULL: the one it names
);

create table unlisted_finding (
    dataset_id  integer not null,
    check_id    varchar not null,
    finding_key varchar not null           -- found, and beyond the check's budget: a baseline knows it all the same
);
