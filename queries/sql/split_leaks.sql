-- Which subjects are in more than one split, with how many images in each?
with
present as (
    select subject, split, count(*) as images
    from selected_image($f)
    where subject is not null
    group by subject, split
),
leaking as (
    select subject, sum(images) as images, count(*) over () as leaks
    from present
    group by subject
    having count(*) > 1
    order by images desc, subject
    limit $limit
)
select p.subject, p.split, p.images, l.leaks
from leaking l
join present p using (subject)
order by l.images desc, p.subject, p.split
