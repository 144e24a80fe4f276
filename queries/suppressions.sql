-- Findings with what was suppressed on the dashboard since they were made: at once, and undone as easily.

-- name: tables
create table suppression (
    finding_key varchar not null, reason varchar not null, by_whom varchar, since timestamp, digest bigint
);

-- name: view
-- What was suppressed is an annotation as it was: of another digest, it counts again and says why.
create view finding as
select
    f.* replace (
        case
            when s.digest is not null and s.digest is distinct from f.digest
                then f.detail || '; the annotation has changed since it was suppressed (' || s.reason || ')'
            else f.detail
        end as detail,
        case
            when s.digest is not null and s.digest is distinct from f.digest then f.suppressed
            else coalesce(f.suppressed, s.reason)
        end as suppressed
    )
from finding_as_made f
left join suppression s using (finding_key);

-- name: fill
insert into suppression
select
    unnest($keys::varchar[]), unnest($reasons::varchar[]), unnest($bys::varchar[]),
    unnest($sinces::timestamp[]), unnest($digests::bigint[]);

-- name: digests
select finding_key, digest from finding_as_made
where digest is not null and finding_key in (select unnest($keys::varchar[]));
