-- What reports.py collects of the last audit.

-- name: datasets
select
    d.dataset_id, d.name, d.format, d.root, d.image_root, d.build_id,
    r.audited_at, r.seconds,
    (select count(*) from image i where i.dataset_id = d.dataset_id) as images,
    (select count(*) from annotation a where a.dataset_id = d.dataset_id and a.kind = 'instance') as annotations,
    (select coalesce(sum(labelled), 0)::bigint from annotation a
        where a.dataset_id = d.dataset_id and a.kind = 'instance') as keypoints,
    (select count(distinct subject) from image i where i.dataset_id = d.dataset_id) as subjects
from dataset d
left join audit_run r using (dataset_id)
where d.dataset_id in (select unnest($datasets::integer[]))
order by d.dataset_id;

-- name: checks
select
    c.*,
    count(f.suppressed) as suppressed,
    count(*) filter (f.finding_key is not null and f.suppressed is null
        and f.finding_key not in (select unnest($baseline::varchar[]))) as new
from check_run c
left join finding f using (dataset_id, check_id)
where c.dataset_id = $dataset and ($checks::varchar[] is null or c.check_id in (select unnest($checks::varchar[])))
group by all;

-- name: findings
-- The worst first: by severity, then score. $baseline holds the keys that were there before.
select
    f.finding_key as key,
    f.check_id as "check",
    f.severity,
    d.name as dataset,
    i.split,
    i.key as image,
    i.file_name as file,
    s.path as source,
    i.subject,
    a.source_id as annotation_id,
    a.ordinal as annotation,
    a.label,
    f.joint,
    j.name as joint_name,
    f.about,
    f.score,
    f.detail,
    f.evidence,
    f.suppressed,
    f.image_id as image_rowid,
    f.annotation_id as annotation_rowid,
    f.dataset_id
from finding f
join dataset d using (dataset_id)
left join image i on i.image_id = f.image_id
left join source_file s on s.dataset_id = f.dataset_id and s.file_id = i.file_id
left join annotation a on a.annotation_id = f.annotation_id
-- two datasets may both have a skeleton of one name: a finding is listed once
left join (select skeleton, joint, min(name) as name from joint group by all) j
    on j.skeleton = a.skeleton and j.joint = f.joint
where f.dataset_id in (select unnest($datasets::integer[]))
    and ($checks::varchar[] is null or f.check_id in (select unnest($checks::varchar[])))
    and ($suppressed or f.suppressed is null)
    and f.finding_key not in (select unnest($baseline::varchar[]))
order by
    case f.severity when 'error' then 0 when 'warning' then 1 else 2 end, f.score desc, f.dataset_id, f.check_id,
    f.image_id, f.annotation_id, f.joint, f.about
limit $limit;

-- name: known
-- Which keys of the baseline are there still, suppressed or not?
select finding_key as key
from (
    select dataset_id, finding_key from finding
    union all
    select dataset_id, finding_key from unlisted_finding
)
where dataset_id in (select unnest($datasets::integer[]))
    and finding_key in (select unnest($baseline::varchar[]));

-- name: unlisted
-- Findings beyond the budgets: of no rank now, and not new once others are mended.
select f.finding_key as key, f.check_id as "check", d.name as dataset
from unlisted_finding f
join dataset d using (dataset_id)
where f.dataset_id in (select unnest($datasets::integer[]))
    and ($checks::varchar[] is null or f.check_id in (select unnest($checks::varchar[])))
    and f.finding_key not in (select unnest($baseline::varchar[]))
order by f.dataset_id, f.check_id, f.finding_key;
