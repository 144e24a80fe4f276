-- How many subjects does each pair of splits share, and how many images do they have in the first?
with
present as (
    select subject, split, count(*) as images
    from selected_image($f)
    where subject is not null
    group by subject, split
)
select
    a.split as split_a,
    b.split as split_b,
    count(*) as subjects,
    sum(a.images)::bigint as images
from present a
join present b using (subject)
group by all
order by all
