-- What was reported of this image's record while reading, or of one of its annotations.
with
here as (
    from image where image_id = $image
)
select p.kind, p.locator, p.message
from problem p
join here i on i.dataset_id = p.dataset_id
where p.locator = i.key
    or (p.file_id = i.file_id and starts_with(p.locator, 'images[')
        and regexp_extract(p.locator, '\(id (.*)\)$', 1) = i.source_id)
    or (p.file_id = i.file_id and starts_with(p.locator, 'annotations[')
        and regexp_extract(p.locator, '\(id (.*)\)$', 1) in (
            select source_id from annotation where image_id = $image
        ))
order by p.kind, p.locator, p.message
limit 200
