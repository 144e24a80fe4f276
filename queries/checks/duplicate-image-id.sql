-- title: An image id is used twice in a file
-- category: records
-- severity: warning
-- why: Of images that share an id, loaders keep the first or the last: where these differ in file or size,
--   annotations land on another picture, and where they do not, the image counts twice.
-- fix: Keep one entry an image; where two images share the id, give one of them, and its annotations, a new
--   one.
-- of: records
-- needs: coco
-- uses: located_problem
-- param each = 20: where more entries of a file repeat an id, they are one finding
--
with
again as (
    select *, evidence ->> '$.file' as path from located_problem where kind = 'duplicate-image-id'
),
-- tools that list an image once for each of its annotations do so all through the file
file as (
    select path, count(*) as entries, count(distinct image_id) as images
    from again
    group by path
    having count(*) > $each
)
select image_id, annotation_id, joint, about, detail, evidence
from again
where path not in (select path from file)
union all by name
select
    path as about,
    format(
        '{:,} entries of {} repeat the id of an earlier one, over {:,} images; the first entry of each counts',
        entries, path, images
    ) as detail,
    json_object('entries', entries, 'images', images, 'records', images) as evidence
from file
