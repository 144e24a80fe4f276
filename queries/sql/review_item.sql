-- What is known of one record: an annotation's id, or minus an image's.
select
    i.image_id, i.dataset_id, i.split, i.key, i.subject, i.file_name, i.gender, i.age, i.race,
    a.annotation_id, coalesce(a.source_id, a.kind || ' ' || a.ordinal) as own, a.label, a.digest, a.skeleton,
    a.kind,
    (select count(*) from annotation o where o.image_id = i.image_id and o.annotation_id < a.annotation_id)
        as place
from image i
left join annotation a on a.annotation_id = $item and a.image_id = i.image_id
where i.image_id = case
    when $item < 0 then -$item
    else (select image_id from annotation where annotation_id = $item)
end
