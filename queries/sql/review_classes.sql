-- How many records has each class of the selection? An id given twice is one record.
select label, count(*) as records
from (
    select coalesce(first(label order by annotation_id), 'no class') as label
    from selected_annotation($f)
    group by image_id, coalesce(source_id, kind || ' ' || ordinal)
)
group by label
order by label
