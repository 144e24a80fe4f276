-- Which records are selected: annotations, and images that have none? An id given twice is one record.
-- `hash` is of names, the same in every index; it is only worked out where the queue is shared `of` several.
with
record as (
    select
        min(annotation_id) as item, image_id, coalesce(source_id, kind || ' ' || ordinal) as own
    from selected_annotation($f)
    group by image_id, own
    union all
    select -i.image_id, i.image_id, null
    from selected_image($f) i
    where struct_extract($f, 'labels') is null and not exists (
        from annotation a where a.image_id = i.image_id and a.kind = 'instance'
    )
)
select item, 0::ubigint as hash
from record
where $of::bigint <= 1
union all
select r.item, md5_number_lower(concat_ws(chr(31), i.split, i.key, r.own)) as hash
from record r
join image i using (image_id)
where $of::bigint > 1
order by abs(item)
