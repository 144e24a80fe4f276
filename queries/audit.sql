-- What audit.py does with what a check returns. `out` is the findings file being written.

-- name: found
create or replace table found (
    image_id bigint, annotation_id bigint, joint smallint, about varchar, score double default 1, detail varchar,
    evidence json
);

-- name: counts
select count(*), count(distinct case $unit
    -- a record that could not be read has no image and no annotation: its place in the file stands for it
    when 'annotations' then coalesce(annotation_id, hash(about, image_id))
    when 'boxes' then coalesce(annotation_id, hash(about, image_id))
    when 'poses' then coalesce(annotation_id, hash(about, image_id))
    when 'united boxes' then coalesce(annotation_id, hash(image_id))
    when 'images' then coalesce(image_id, hash(about))
    when 'records' then coalesce(image_id, hash(about))
    when 'keypoints' then annotation_id * 1000 + coalesce(joint, 999)
    else hash(about, image_id, annotation_id)
end)
from found;

-- name: wrong
-- What a check with a mistake would return: no detail, a score that is none, a record of another dataset.
select count(*) from found
where detail is null or detail = '' or not coalesce(score between 0 and 1, false)
    or coalesce(image_id, annotation_id, $block::bigint + 1) not between $block::bigint and $block::bigint + 999999999
    or (annotation_id is not null and image_id is null)
    or (image_id is null and about is null);

-- name: first_wrong
from found
where detail is null or detail = '' or not coalesce(score between 0 and 1, false)
    or coalesce(image_id, annotation_id, $block::bigint + 1) not between $block::bigint and $block::bigint + 999999999
    or (annotation_id is not null and image_id is null)
    or (image_id is null and about is null)
limit 1;

-- name: keep
-- The worst first, up to the budget. The key is of names that an index of the same files has again; where
-- they repeat (an annotation id given twice) a number is added in the index's order.
insert into out.finding
with
worst as (
    select * from found
    order by score desc, image_id, annotation_id, joint, about, detail
    limit $budget
),
named as (
    select
        w.*,
        md5(concat_ws(
            chr(31), $check_id, $dataset_name, coalesce(i.split, ''), coalesce(i.key, ''),
            coalesce(a.source_id, a.kind || ' ' || a.ordinal, ''), coalesce(w.joint::varchar, ''), coalesce(w.about, '')
        )) as base
    from worst w
    left join image i on i.image_id = w.image_id
    left join annotation a on a.annotation_id = w.annotation_id
),
counted as (
    select *, row_number() over (partition by base order by image_id, annotation_id, detail) as n from named
)
select
    case when n = 1 then base else md5(base || ' ' || n) end,
    $check_id,
    $severity,
    $dataset,
    image_id,
    annotation_id,
    joint,
    score,
    detail,
    evidence,
    about,
    null
from counted
order by score desc, image_id, annotation_id, joint;

-- name: run
insert into out.check_run values (
    $dataset, $check_id, $title, $category, $severity, $status, $reason, $findings, $listed, $records, $unit,
    $flagged, $seconds, $params, $notes, $at
);

-- name: audit_run
insert into out.audit_run values ($dataset, $build, $state, $version, $at, $seconds);

-- name: keep_former_runs
-- Of checks that are not run now; one that the catalogue does not know any more is forgotten.
insert into out.check_run
select * from check_run
where dataset_id = $dataset
    and check_id not in (select unnest($new::varchar[])) and check_id in (select unnest($known::varchar[]));

-- name: keep_former_findings
insert into out.finding
select * replace (null as suppressed) from finding
where dataset_id = $dataset
    and check_id not in (select unnest($new::varchar[])) and check_id in (select unnest($known::varchar[]));

-- name: suppressible
select f.finding_key, f.check_id, d.name, i.key, a.label, i.split, i.subject, j.name, f.about
from out.finding f
join dataset d using (dataset_id)
left join image i on i.image_id = f.image_id
left join annotation a on a.annotation_id = f.annotation_id
left join joint j on j.skeleton = a.skeleton and j.joint = f.joint
where f.check_id in (select unnest($checks::varchar[]));
