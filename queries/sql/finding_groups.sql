-- In which classes, splits or subjects are the findings of one check, of how many records there?
with
mine as (
    select
        case $by
            when 'class' then case when annotation_id is null then null else coalesce(label, 'no class') end
            when 'split' then split
            else subject
        end as value,
        coalesce(annotation_id, image_id) as record,
        annotation_id is not null as annotated
    from selected_finding($f)
    where check_id = $check and suppressed is null and image_id is not null
),
grouped as (
    select value, count(*) as findings, count(distinct record) as flagged
    from mine
    where value is not null
    group by value
),
whole as (
    select
        case $by
            when 'class' then coalesce(a.label, 'no class')
            when 'split' then i.split
            else i.subject
        end as value,
        case when (select bool_or(annotated) from mine) then count(a.annotation_id)
            else count(distinct i.image_id) end as records
    from image i
    left join annotation a on a.image_id = i.image_id and a.kind = 'instance'
    where i.dataset_id = struct_extract($f, 'dataset')
        and ($by <> 'subject' or i.subject in (select value from grouped))
    group by 1
)
select g.value, g.findings, g.flagged, w.records
from grouped g
left join whole w using (value)
order by g.findings desc, g.value
limit $limit
