-- What image_missing.py and image_unreadable.py ask: facts of the files, and what the YOLO reader met (a
-- label file without its image).

-- name: counts
select
    count(*) as images,
    count(f.image_id) as measured,
    count(*) filter (f.path is null and regexp_matches(f.error, '^(missing|no file found)')) as missing
from image i
left join image_fact f using (image_id)
where i.dataset_id = $dataset;

-- name: told
select count(*) from reading_problem where kind = 'image-missing';

-- name: missing
with
-- the problem names the label file, and the image that has no name is the one that it stands for
told as (
    select i.image_id, any_value(p.message) as message
    from reading_problem p
    join image i on i.file_id = p.file_id
    where p.kind = 'image-missing' and i.dataset_id = $dataset and i.file_name is null
    group by i.image_id
)
select
    i.image_id,
    coalesce(t.message, 'no file ' || coalesce(i.file_name, i.key) || ' was found') as detail,
    json_object('file_name', i.file_name, 'split', i.split) as evidence
from image i
left join image_fact f using (image_id)
left join told t using (image_id)
where i.dataset_id = $dataset
    and (
        t.image_id is not null
        or coalesce(f.path is null and regexp_matches(f.error, '^(missing|no file found)'), false)
    );

-- name: unreadable
-- A file that may not be read (a link out of the folder, several of one name) is here, not missing.
select
    i.image_id,
    'the file can''t be read: ' || f.error as detail,
    json_object('file_name', i.file_name, 'error', f.error, 'bytes', f.bytes) as evidence
from image i
join image_fact f using (image_id)
where i.dataset_id = $dataset and f.error is not null
    and not (f.path is null and regexp_matches(f.error, '^(missing|no file found)'));
