-- How did each check go, how many of its findings are selected, and how grave is the worst of them?
with
mine as (
    select
        check_id,
        count(*) filter (suppressed is null) as open,
        count(suppressed) as suppressed,
        count(distinct image_id) filter (suppressed is null) as images,
        count(*) filter (suppressed is null and image_id is null) as elsewhere,
        max(score) filter (suppressed is null) as worst
    from passing_finding($f)
    group by check_id
)
select
    c.check_id, c.severity, c.category, c.title, c.status, c.reason,
    coalesce(m.open, 0) as open, coalesce(m.suppressed, 0) as suppressed, coalesce(m.images, 0) as images,
    coalesce(m.elsewhere, 0) as elsewhere,
    m.worst, c.findings, c.listed, c.records, c.unit, c.flagged, c.seconds, c.params, c.notes, c.audited_at
from check_run c
left join mine m using (check_id)
where c.dataset_id = struct_extract($f, 'dataset')
order by
    case c.severity when 'error' then 0 when 'warning' then 1 else 2 end, open desc, c.check_id
