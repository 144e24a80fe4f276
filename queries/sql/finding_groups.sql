-- In which classes, splits or subjects are the findings of one check, of how many records there? Records are
-- what the findings are of, annotations, united boxes or images, under the same filters; NULL where the
-- findings are of something else as well, and no share can be told.
with
mine as (
    select
        case $by
            when 'class' then case when annotation_id is null then null else coalesce(label, 'no class') end
            when 'split' then split
            else subject
        end as value,
        coalesce(annotation_id, image_id) as record,
        coalesce(kind, 'image') as kind
    from selected_finding($f)
    where check_id = $check and suppressed is null and image_id is not null
),
grouped as (
    select value, count(*) as findings, count(distinct record) as flagged
    from mine
    where value is not null
    group by value
),
records as (
    select coalesce(label, 'no class') as label, split, subject
    from selected_annotation($f)
    where (select bool_or(kind = 'instance') from mine)
    union all
    select coalesce(label, 'no class'), split, subject
    from selected_united($f)
    where (select bool_or(kind = 'united') from mine)
    union all
    select null, split, subject
    from selected_image($f)
    where (select bool_and(kind = 'image') from mine)
),
whole as (
    select
        case $by when 'class' then label when 'split' then split else subject end as value,
        count(*) as records
    from records
    group by 1
)
select g.value, g.findings, g.flagged, case when g.flagged <= w.records then w.records end as records
from grouped g
left join whole w using (value)
order by g.findings desc, g.value
limit $limit
