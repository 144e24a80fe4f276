-- How many annotation files were read, read with bad records set aside, or not read?
select
    status,
    count(*) as files,
    sum(bytes)::bigint as bytes,
    coalesce(sum(records), 0)::bigint as records
from source_file
where dataset_id = $dataset
group by status
order by files desc
