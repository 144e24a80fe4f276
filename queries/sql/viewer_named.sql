-- What a tile of the gallery says of its image: where the file is, and the image's labels.
select
    i.image_id, i.dataset_id, i.key, i.file_name, i.split,
    l.labels, coalesce(l.boxes, 0) as boxes
from image i
left join (
    select image_id, list(distinct label order by label) as labels, count(*) as boxes
    from annotation
    where kind = 'instance' and image_id in (select unnest($images::bigint[]))
    group by image_id
) l using (image_id)
where i.image_id in (select unnest($images::bigint[]))
