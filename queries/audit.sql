-- What audit.py does with what a check returns. `out` is the findings file being written.

-- name: found
create or replace table found (
    image_id bigint, annotation_id bigint, joint smallint, about varchar, score double default 1, detail varchar,
    evidence json, records bigint
);

-- name: counts
-- How many were found, and how many of what was looked at they are: a finding that stands for many records
-- says of how many, in `records` or in its evidence.
select count(*), coalesce(sum(many), 0)::bigint + count(distinct case
    when many is not null then null
    else case $unit
    -- a record that could not be read has no image and no annotation: its place in the file stands for it
    when 'annotations' then coalesce(annotation_id, hash(about, image_id))
    when 'boxes' then coalesce(annotation_id, hash(about, image_id))
    when 'poses' then coalesce(annotation_id, hash(about, image_id))
    when 'united boxes' then coalesce(annotation_id, hash(image_id))
    when 'images' then coalesce(image_id, hash(about))
    when 'records' then coalesce(image_id, hash(about))
    when 'keypoints' then coalesce(annotation_id * 1000 + coalesce(joint, 999), hash(about))
    else hash(about, image_id, annotation_id)
    end
end)
from (select *, coalesce(records, try_cast(evidence ->> '$.records' as bigint)) as many from found);

-- name: wrong
-- What a check with a mistake would return: no detail, a score that is none, a record of another dataset.
select count(*) from found
where detail is null or detail = '' or not coalesce(score between 0 and 1, false) or records < 1
    or coalesce(image_id, annotation_id, $block::bigint + 1) not between $block::bigint and $block::bigint + 999999999
    or (annotation_id is not null and image_id is null)
    or (image_id is null and about is null);

-- name: first_wrong
from found
where detail is null or detail = '' or not coalesce(score between 0 and 1, false) or records < 1
    or coalesce(image_id, annotation_id, $block::bigint + 1) not between $block::bigint and $block::bigint + 999999999
    or (annotation_id is not null and image_id is null)
    or (image_id is null and about is null)
limit 1;

-- name: keyed
-- All that was found, the worst first. The key is of names that an index of the same files has again: an
-- annotation without an id of its own is named by what it says, since its place in a list shifts when
-- another one goes. Where they repeat, a number is added in the index's order.
create or replace table keyed as
with
named as (
    select
        w.*,
        a.digest,
        md5(concat_ws(
            chr(31), $check_id, $dataset_name, coalesce(i.split, ''), coalesce(i.key, ''),
            coalesce(a.source_id, a.kind || ' ' || coalesce(a.digest::varchar, ''), ''),
            coalesce(w.joint::varchar, ''), coalesce(w.about, '')
        )) as base
    from found w
    left join image i on i.image_id = w.image_id
    left join annotation a on a.annotation_id = w.annotation_id
),
counted as (
    select *, row_number() over (partition by base order by image_id, annotation_id, detail) as n from named
)
select
    * exclude (base, n),
    case when n = 1 then base else md5(base || ' ' || n) end as finding_key,
    row_number() over (order by score desc, image_id, annotation_id, joint, about, detail) as place
from counted;

-- name: keep
insert into out.finding
select
    finding_key, $check_id, $severity, $dataset, image_id, annotation_id, joint, score, detail, evidence, about,
    null, digest, coalesce(records, try_cast(evidence ->> '$.records' as bigint))
from keyed
where place <= $budget
order by place;

-- name: keep_unlisted
insert into out.unlisted_finding select $dataset, $check_id, finding_key from keyed where place > $budget;

-- name: strange_evidence
-- Candidates: what JSON has no number for, DuckDB writes and reads all the same.
select distinct evidence::varchar from found where regexp_matches(evidence::varchar, '(?i)\b(nan|inf(inity)?)\b');

-- name: plain_evidence
update found set evidence = r.new
from (select unnest($old::varchar[]) as old, unnest($new::varchar[]) as new) r
where found.evidence::varchar = r.old;

-- name: run
insert into out.check_run values (
    $dataset, $check_id, $title, $category, $severity, $status, $reason, $findings, $listed, $records, $unit,
    $flagged, $seconds, $params, $notes, $at
);

-- name: audit_run
insert into out.audit_run values ($dataset, $build, $state, $version, $at, $seconds);

-- name: configured
-- What kpaudit.toml says now of every check that there is.
create or replace table configured as
select
    unnest($checks::varchar[]) as check_id, unnest($severities::varchar[]) as severity,
    unnest($params::varchar[]) as params, unnest($enabled::boolean[]) as enabled;

-- name: keep_former_runs
-- Of checks that are not run now; one that the catalogue does not know any more is forgotten. Their severity
-- is the one of now; what else kpaudit.toml says otherwise now takes a run, and is said.
insert into out.check_run
select
    r.* replace (
        c.severity as severity,
        list_filter(coalesce(r.notes, []), lambda note: note <> $changed)
            || case when c.enabled = (r.status = 'off') or c.params <> r.params::varchar then [$changed] else [] end
            as notes
    )
from check_run r
join configured c using (check_id)
where r.dataset_id = $dataset and r.check_id not in (select unnest($new::varchar[]));

-- name: keep_former_findings
insert into out.finding
select f.* replace (c.severity as severity, null as suppressed)
from finding_as_made f
join configured c using (check_id)
where f.dataset_id = $dataset and f.check_id not in (select unnest($new::varchar[]));

-- name: keep_former_unlisted
insert into out.unlisted_finding
select f.*
from unlisted_finding f
join configured c using (check_id)
where f.dataset_id = $dataset and f.check_id not in (select unnest($new::varchar[]));

-- name: suppress
update out.finding as f set suppressed = h.reason
from (select unnest($keys::varchar[]) as finding_key, unnest($reasons::varchar[]) as reason) h
where f.finding_key = h.finding_key;

-- name: suppressible
select f.finding_key, f.check_id, d.name, i.key, a.label, i.split, i.subject, j.name, f.about
from out.finding f
join dataset d using (dataset_id)
left join image i on i.image_id = f.image_id
left join annotation a on a.annotation_id = f.annotation_id
left join joint j on j.skeleton = a.skeleton and j.joint = f.joint
where f.check_id in (select unnest($checks::varchar[]));
