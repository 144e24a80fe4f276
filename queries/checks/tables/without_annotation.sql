-- What image_without_annotation.py asks.

-- name: findings
-- A record that could not be read whole has been reported, and is no background image.
select
    i.image_id,
    'no annotation, as with '
        || format(
            '{:,} of {:,} images', count(*) over (),
            (select count(*) from image where dataset_id = $dataset)
        )
        as detail,
    json_object('split', i.split, 'file_name', i.file_name) as evidence
from image i
anti join annotation a on a.image_id = i.image_id
anti join (from reading_problem where image_id is not null) p on p.image_id = i.image_id
where i.dataset_id = $dataset;
