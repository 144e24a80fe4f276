-- The problems met while reading, each once, with the image and annotation that its locator names where the
-- index has them: a locator is an image's key, images[3] (id 7) or annotations[12] (id 99).
create or replace table reading_problem as
with
p as (
    select
        row_number() over () as n, file_id, locator, kind, message,
        regexp_extract(locator, '^(images|annotations)\[', 1) as listed,
        regexp_extract(locator, '\(id (.*)\)$', 1) as source_id
    from problem
    where dataset_id = $dataset
),
i as (
    select image_id, file_id, key, source_id, split from image where dataset_id = $dataset
),
tied as (
    select p.n, i.image_id, null::bigint as annotation_id
    from p join i on i.key = p.locator and i.file_id = p.file_id
    union all
    select p.n, i.image_id, null from (from p where listed = 'images') p
    join i on i.source_id = p.source_id and i.file_id = p.file_id
    union all
    select p.n, a.image_id, a.annotation_id from (from p where listed = 'annotations') p
    join annotation a on a.source_id = p.source_id and a.dataset_id = $dataset
    join i on i.image_id = a.image_id and i.file_id = p.file_id
    union all
    -- a key repeated in another file of the split is one image, which is kept under the first file; an image
    -- of its own in the problem's file is the one meant, and another split's is another image
    select p.n, i.image_id, null
    from (from p anti join i on i.key = p.locator and i.file_id = p.file_id) p
    join source_file f on f.dataset_id = $dataset and f.file_id = p.file_id
    join i on i.key = p.locator and i.file_id <> p.file_id and i.split = coalesce(f.split, i.split)
)
select p.kind, p.file_id, p.locator, p.message, t.image_id, t.annotation_id, f.path
from p
left join (
    select n, min(image_id) as image_id, min(annotation_id) as annotation_id from tied group by n
) t on t.n = p.n
left join source_file f on f.dataset_id = $dataset and f.file_id = p.file_id
