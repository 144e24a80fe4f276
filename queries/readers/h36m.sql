-- What the COCO-style files of Human3.6M say only in their image names, or do not record at all.

-- name: no_flags
-- The joints are projected motion capture: the files write 1, "not visible" to COCO, for every one of them.
update keypoint set visibility = null where visibility > 0;

-- name: names
create or replace temp table name_of as
select
    image_id,
    regexp_extract(key, $pattern, ['subject', 'action', 'take', 'camera', 'frame']) as n
from image;

-- name: subjects
update image set
    subject = 'S' || n.subject,
    split = coalesce($split, case
        when list_contains($train, try_cast(n.subject as integer)) then 'train'
        when list_contains($test, try_cast(n.subject as integer)) then 'test'
        else image.split end),
    attributes = json_object(
        'action', n.action, 'sequence', n.action || n.take, 'camera', n.camera, 'frame', try_cast(n.frame as integer)
    )
from name_of
where name_of.image_id = image.image_id and n.subject <> '';

-- name: nameless
insert into problem
select $dataset, file_id, key, 'field-missing',
    'the name is no S<subject>_<action>.<camera>_<frame>: no subject, action or split can be told'
from name_of join image using (image_id)
where n.subject = '';
