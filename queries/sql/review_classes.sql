-- How many records has each class of the selection? An id given twice is one record.
select label, count(*) as records
from (
    select distinct
        a.image_id, coalesce(a.source_id, a.kind || ' ' || a.ordinal) as own,
        coalesce(first(a.label order by a.annotation_id), 'no class') as label
    from selected_annotation($f) a
    group by a.image_id, own
)
group by label
order by label
