-- Which records are selected: annotations, and images that have none? An id given twice is one record.
select
    min(a.annotation_id) as item,
    md5_number_lower(concat_ws(chr(31), i.split, i.key, coalesce(a.source_id, a.kind || ' ' || a.ordinal)))
        as hash
from selected_annotation($f) a
join image i on i.image_id = a.image_id
group by i.image_id, i.split, i.key, coalesce(a.source_id, a.kind || ' ' || a.ordinal)
union all
select -i.image_id, md5_number_lower(concat_ws(chr(31), i.split, i.key))
from selected_image($f) i
where struct_extract($f, 'labels') is null and not exists (
    from annotation a where a.image_id = i.image_id and a.kind = 'instance'
)
order by abs(item)
