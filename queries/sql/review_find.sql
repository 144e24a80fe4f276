-- Which record has these names? Without an annotation's own id it is the image, minus its id.
select coalesce(min(a.annotation_id), case when $own::varchar is null then -min(i.image_id) end) as item
from image i
left join annotation a
    on a.image_id = i.image_id and coalesce(a.source_id, a.kind || ' ' || a.ordinal) = $own
where i.dataset_id = $dataset and i.key = $key and ($split::varchar is null or i.split = $split)
