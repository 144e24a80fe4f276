-- What subject_label_conflict.py asks.

-- name: boxes
-- Two instances of one image, by its key, with nearly the same box and different labels: within one split (an
-- image that two files hold is one there) or in two.
with
img as (
    select image_id, key, split, subject from image where dataset_id = $dataset
),
ann as (
    select a.annotation_id, a.image_id, a.label, a.x, a.y, a.w, a.h
    from annotation a
    where a.dataset_id = $dataset and a.kind = 'instance' and a.label is not null and not a.crowd
        and a.w > 0 and a.h > 0
),
-- in two splits only under one subject: a counter as name (0001.jpg) says nothing
twin as (
    select a.image_id, b.image_id as other_id, b.split as other_split
    from img a
    join img b on b.key = a.key and b.subject = a.subject and b.image_id < a.image_id
    where a.key in (select key from img group by key having count(*) > 1)
),
pair as (
    select a.image_id, a.annotation_id, b.annotation_id as other, null as other_split
    from ann a
    join ann b on b.image_id = a.image_id and b.annotation_id < a.annotation_id
    where a.label <> b.label
    union all
    select a.image_id, a.annotation_id, b.annotation_id, t.other_split
    from twin t
    join ann a on a.image_id = t.image_id
    join ann b on b.image_id = t.other_id
    where a.label <> b.label
),
lapped as (
    select
        p.*, a.label, b.label as other_label,
        greatest(least(a.x + a.w, b.x + b.w) - greatest(a.x, b.x), 0)
            * greatest(least(a.y + a.h, b.y + b.h) - greatest(a.y, b.y), 0) as common,
        a.w * a.h + b.w * b.h as both_areas
    from pair p
    join ann a on a.annotation_id = p.annotation_id
    join ann b on b.annotation_id = p.other
)
select annotation_id, image_id, other, label, other_label, other_split, common / (both_areas - common) as iou
from lapped
where common / (both_areas - common) >= $iou;

-- name: keys
select a.annotation_id, a.ordinal, i.key, i.split, i.subject
from annotation a
join image i using (image_id)
where a.annotation_id in (from unnest($ids::bigint[]));
