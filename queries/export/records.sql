-- The records that are exported, a block of images at a time, by image_id.

-- name: blocks
-- The first and the last image of each block.
select min(image_id), max(image_id)
from (select image_id, (row_number() over (order by image_id) - 1) // $size as block from image_fate where why is null)
group by block
order by block;

-- name: images
select
    i.image_id, i.file_id, i.source_id, i.key, i.file_name, i.split, i.split_before, s.width, s.height,
    i.subject, i.age, i.gender, i.race, i.attributes
from taken_image i
join image_size s using (image_id)
where i.image_id between $first and $last
order by i.image_id;

-- name: annotations
select
    annotation_id, image_id, source_id, ordinal, kind, label, x, y, w, h, area, crowd, skeleton, handedness, attributes
from taken_annotation
where image_id between $first and $last
order by image_id, ordinal, annotation_id;

-- name: keypoints
select k.annotation_id, k.joint, k.x, k.y, k.visibility
from point k
semi join taken_annotation a on a.annotation_id = k.annotation_id and a.image_id between $first and $last
where k.annotation_id between $low and $high
order by k.annotation_id, k.joint;

-- name: skeletons
-- Joints and bones of the skeletons in use, and by how many annotations with keypoints of which label.
select a.skeleton, a.label, count(*) as n
from taken_annotation a
where a.kind = 'instance'
group by a.skeleton, a.label
order by a.label, n desc, a.skeleton;

-- name: joints
select skeleton, joint, name, flip, sigma from joint order by skeleton, joint;

-- name: bones
select skeleton, joint_a, joint_b from bone order by skeleton, joint_a, joint_b;

-- name: written_from
-- How the source files were read, for the formats that are written from them again.
select file_id, path, split, bytes, mtime_ns, content_hash, status
from source_file
where dataset_id = $dataset
order by file_id;

-- name: file_images
-- The images of one source file: under the file's own ids, and where they go.
select i.image_id, i.source_id, i.key, f.split, f.why
from image i
join image_fate f using (image_id)
where i.dataset_id = $dataset and i.file_id = $file
order by i.image_id;

-- name: keyed_images
-- Images that another file describes too, and that are kept as that file's.
select i.image_id, i.key, f.split, f.why
from image i
join image_fate f using (image_id)
where i.dataset_id = $dataset and i.split = $split and list_contains($keys::varchar[], i.key);

-- name: fates
-- What becomes of the annotations of images of which any is left out or corrected; `box` is as it was read.
select
    a.annotation_id, a.image_id, a.source_id, a.ordinal, a.kind, a.label, [a.x, a.y, a.w, a.h] as box, f.why,
    c.label, c.x, c.y, c.w, c.h, coalesce(s.joints, 0)
from annotation a
join annotation_fate f using (annotation_id)
left join (select skeleton, count(*) as joints from joint group by skeleton) s using (skeleton)
left join corrected c on c.annotation_id = a.annotation_id
where a.image_id between $first and $last and a.image_id in (
    select image_id from annotation_fate where why is not null
    union all
    select image_id from annotation join corrected using (annotation_id)
)
order by a.annotation_id;

-- name: touched
-- Images of which `fates` has any.
select image_id from annotation_fate where why is not null
union
select image_id from annotation join corrected using (annotation_id)
order by image_id;

-- name: corrections
select annotation_id, joint, x, y, visibility from corrected_joint order by annotation_id, joint;

-- name: images_after
-- What is exported where the target holds all of it.
select split, count(*) from taken_image group by split;

-- name: annotations_after
select f.split, count(*)
from taken_annotation a
join image_fate f using (image_id)
where a.kind = 'instance'
group by f.split;

-- name: keypoints_after
select f.split, count(*)
from point k
join taken_annotation a using (annotation_id)
join image_fate f using (image_id)
where k.x is not null and (k.visibility is null or k.visibility > 0) and k.annotation_id between $low and $high
group by f.split;

-- name: image_ids
-- COCO's image ids: the source's where they are whole numbers and the first of their kind in the split.
create or replace temp table image_number as
select
    image_id,
    case
        when own is not null and not repeated then own
        else coalesce(max(own) over (partition by split), 0)
            + row_number() over (partition by split, own is null or repeated order by image_id)
    end as number
from (
    select
        image_id, split, own,
        own is not null and row_number() over (partition by split, own order by image_id) > 1 as repeated
    from (
        select
            image_id, split,
            case when regexp_full_match(source_id, '0|[1-9][0-9]{0,14}') then source_id::bigint end as own
        from taken_image
    )
);

-- name: annotation_ids
-- The same of annotations.
create or replace temp table annotation_number as
select
    annotation_id,
    case
        when own is not null and not repeated then own
        else coalesce(max(own) over (partition by split), 0)
            + row_number() over (partition by split, own is null or repeated order by annotation_id)
    end as number
from (
    select
        annotation_id, split, own,
        own is not null and row_number() over (partition by split, own order by annotation_id) > 1 as repeated
    from (
        select
            a.annotation_id, f.split,
            case when regexp_full_match(a.source_id, '0|[1-9][0-9]{0,14}') then a.source_id::bigint end as own
        from taken_annotation a
        join image_fate f using (image_id)
    )
);

-- name: numbers
select image_id, number from image_number where image_id between $first and $last;

-- name: annotation_numbers
select n.annotation_id, n.number
from annotation_number n
join taken_annotation a using (annotation_id)
where a.image_id between $first and $last;
