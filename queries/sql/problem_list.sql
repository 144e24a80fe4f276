-- Which records had a problem of one kind, and which of them are images of the index?
with
listed as (
    select file_id, locator, message
    from problem
    where dataset_id = $dataset and kind = $kind
    -- annotations[9] before annotations[10]
    order by file_id, try_cast(regexp_extract(locator, '\[(\d+)\]', 1) as bigint), locator, message
    limit $limit
)
select f.path as file, l.locator, l.message, i.key as image
from listed l
left join source_file f on f.dataset_id = $dataset and f.file_id = l.file_id
left join (
    select distinct file_id, key
    from image
    where dataset_id = $dataset and key in (select locator from listed)
) i on i.file_id = l.file_id and i.key = l.locator
order by f.path, try_cast(regexp_extract(l.locator, '\[(\d+)\]', 1) as bigint), l.locator, l.message
