-- What an export takes of a dataset, and the records as corrected. Tables of the export's own cursor.

-- name: corrected
-- Corrections of reviewers; NULL leaves the value as it is.
create or replace temp table corrected (
    annotation_id bigint, label varchar, x double, y double, w double, h double, joints boolean
);

-- name: corrected_joint
create or replace temp table corrected_joint (
    annotation_id bigint, joint smallint, x double, y double, visibility tinyint
);

-- name: rejected
create or replace temp table rejected (image_id bigint, annotation_id bigint);

-- name: moved
create or replace temp table moved (image_id bigint, split varchar);

-- name: hit
-- What --where selects; annotation_id is NULL for an image without annotations.
create or replace temp table hit (image_id bigint, annotation_id bigint);

-- name: where
-- The user's own condition, run in the sandbox: it takes the place of `true` in the last line.
select i.image_id, a.annotation_id
from image i
left join annotation a using (image_id)
where i.dataset_id = condition_of and (
true
);

-- name: record
create or replace temp view record as
select
    a.* replace (
        coalesce(c.label, a.label) as label,
        coalesce(c.x, a.x) as x,
        coalesce(c.y, a.y) as y,
        coalesce(c.w, a.w) as w,
        coalesce(c.h, a.h) as h,
        -- where the area was the box's, it is still
        case when abs(a.area - a.w * a.h) <= 1e-6 * abs(a.area) then coalesce(c.w * c.h, a.area) else a.area end as area,
        case when c.annotation_id is null then a.digest end as digest
    )
from annotation a
left join corrected c using (annotation_id);

-- name: point
create or replace temp view corrected_point as
select
    k.annotation_id,
    k.joint,
    case when c.joint is null then k.x else c.x end as x,
    case when c.joint is null then k.y else c.y end as y,
    case when c.joint is null then k.visibility else c.visibility end as visibility
from keypoint k
left join corrected_joint c on c.annotation_id = k.annotation_id and c.joint = k.joint;
create or replace temp view point as from corrected_point;

-- name: added_joint
-- Joints of a correction that the source did not give.
create or replace temp table added_joint as
select c.* from corrected_joint c
where not exists (
    select 1 from keypoint k where k.annotation_id = c.annotation_id and k.joint = c.joint
);

-- name: with_added
create or replace temp view point as from corrected_point union all from added_joint;

-- name: annotation_fate
-- Every annotation of the dataset, and why it is not exported; NULL: it is.
create or replace temp table annotation_fate as
select
    r.annotation_id,
    r.image_id,
    r.kind,
    case
        when not list_contains($splits::varchar[], coalesce(m.split, i.split)) then 'split'
        when ri.image_id is not null then 'image rejected'
        when ra.annotation_id is not null then 'rejected'
        when not list_contains($classes::varchar[], coalesce(r.label, '')) then 'class'
        when $where and h.annotation_id is null then 'where'
    end as why
from record r
join image i using (image_id)
left join moved m on m.image_id = r.image_id
left join rejected ri on ri.image_id = r.image_id and ri.annotation_id is null
left join rejected ra on ra.annotation_id = r.annotation_id
left join hit h on h.annotation_id = r.annotation_id
where r.dataset_id = $dataset;

-- name: image_fate
-- Every image: the split that it goes to, and why it does not. An image of whose annotations the selection
-- takes none, or of which all were rejected, is left out: as a background it would teach that nothing is there.
create or replace temp table image_fate as
select
    i.image_id,
    i.file_id,
    coalesce(m.split, i.split) as split,
    case
        when not list_contains($splits::varchar[], coalesce(m.split, i.split)) then 'split'
        when ri.image_id is not null then 'image rejected'
        when a.kept = 0 and a.unselected > 0 then a.why
        when a.instances = 0 and a.rejected > 0 then 'all rejected'
        when a.image_id is null and $classes::varchar[] is not null then 'class'
        when a.image_id is null and $where and h.image_id is null then 'where'
    end as why
from image i
left join moved m on m.image_id = i.image_id
left join rejected ri on ri.image_id = i.image_id and ri.annotation_id is null
left join hit h on h.image_id = i.image_id and h.annotation_id is null
left join (
    select
        image_id,
        count_if(why is null) as kept,
        count_if(why is null and kind = 'instance') as instances,
        count_if(why = 'rejected' and kind = 'instance') as rejected,
        count_if(why in ('class', 'where')) as unselected,
        max(why) filter (where why in ('class', 'where')) as why
    from annotation_fate
    group by image_id
) a on a.image_id = i.image_id
where i.dataset_id = $dataset;

-- name: taken_image
create or replace temp view taken_image as
select i.* exclude (split), i.split as split_before, f.split
from image i
join image_fate f using (image_id)
where f.why is null;

-- name: taken_annotation
create or replace temp view taken_annotation as
select r.*
from record r
join annotation_fate f using (annotation_id)
join image_fate i on i.image_id = f.image_id
where f.why is null and i.why is null;

-- name: left_images
-- What the selection leaves out, image by image.
select i.split, i.key, f.why, (select count(*) from annotation a where a.image_id = i.image_id and a.kind = 'instance')
from image_fate f
join image i using (image_id)
where f.why in ('split', 'class', 'where', 'all rejected')
order by i.image_id;

-- name: left_annotations
-- Annotations that are left out although their image is not left out by the selection.
select i.split, i.key, coalesce(a.source_id, a.kind || ' ' || a.ordinal), f.why, a.label
from annotation_fate f
join annotation a using (annotation_id)
join image i on i.image_id = a.image_id
where f.why in ('class', 'where', 'image rejected')
order by a.annotation_id;

-- name: counts_before
select
    i.split,
    count(distinct i.image_id),
    count(distinct a.annotation_id) filter (where a.kind = 'instance')
from image i
left join annotation a using (image_id)
where i.dataset_id = $dataset
group by i.split;

-- name: keypoints_before
select i.split, count(*)
from keypoint k
join annotation a using (annotation_id)
join image i using (image_id)
where i.dataset_id = $dataset and k.x is not null
    and (k.visibility is null or k.visibility > 0)
    and k.annotation_id between $dataset::bigint * 1000000000 and ($dataset::bigint + 1) * 1000000000
group by i.split;

-- name: labels
select distinct label from record where dataset_id = $dataset and label is not null order by label;

-- name: splits
select distinct coalesce(m.split, i.split)
from image i
left join moved m using (image_id)
where i.dataset_id = $dataset
order by 1;

-- name: problems
select f.split, f.path, p.locator, p.kind, p.message
from problem p
left join source_file f using (file_id, dataset_id)
where p.dataset_id = $dataset and (f.split is null or list_contains($splits::varchar[], f.split) or $splits::varchar[] is null)
order by f.path, p.locator, p.kind;

-- name: joints_of
-- How many joints each skeleton has.
select skeleton, count(*) from joint group by skeleton;

-- name: decided
-- The present values of annotations that decisions are about, as changes.csv shows them.
select
    a.annotation_id,
    a.label,
    [a.x, a.y, a.w, a.h] as box,
    a.skeleton
from annotation a
where list_contains($annotations::bigint[], a.annotation_id);

-- name: decided_joints
select annotation_id, joint, x, y, visibility
from keypoint
where list_contains($annotations::bigint[], annotation_id)
    and annotation_id between $dataset::bigint * 1000000000 and ($dataset::bigint + 1) * 1000000000;

-- name: image_names
select image_id, split, key from image where list_contains($images::bigint[], image_id);
