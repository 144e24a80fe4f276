-- How many subjects does each class have, and how much of it is its most frequent subject's?
with
counted as (
    select label, subject, count(*) as n
    from selected_annotation($f)
    where subject is not null and label is not null
    group by label, subject
)
select
    label,
    count(*) as subjects,
    sum(n)::bigint as instances,
    max(n) as top_instances,
    -- of several with as many, the first by name
    min_by(subject, (-n, subject)) as top_subject,
    max(n) / sum(n) as top_share
from counted
group by label
order by subjects desc, label
