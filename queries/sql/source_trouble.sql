-- Which annotation files could not be read whole, and why?
select path, status, split, bytes, records, detail
from source_file
where dataset_id = $dataset and status <> 'read'
order by case status when 'unreadable' then 0 when 'tolerant' then 1 else 2 end, path
limit $limit
