-- Which kinds of problems were met while reading, how often, and in how many files?
select
    kind,
    count(*) as problems,
    count(distinct file_id) as files,
    any_value(message) as example
from problem
where dataset_id = $dataset
group by kind
order by problems desc, kind
