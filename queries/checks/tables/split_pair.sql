-- uses: split_part
-- Pairs of splits that must share nothing: what is in both is told of `split`, the one that is evaluated on,
-- or the smaller; `other` is what it is shared with, `place` the order of those. Left out are splits that are
-- parts of one another (split_part) and images of which nothing says a split.
create or replace table split_pair as
with
counted as (
    select
        split,
        count(*) as images,
        replace(lower(split), '_', '') as name
    from image
    where dataset_id = $dataset and split <> 'unsplit'
    group by split
),
ordered as (
    select
        *,
        row_number() over (
            order by
                case
                    when name like 'train%' then 0
                    when name like 'test%' then 3
                    when name like 'val%' or name in ('minival', 'dev') then 2
                    else 1
                end,
                images desc,
                split
        ) as place
    from counted
)
select a.split, b.split as other, b.place, a.images, b.images as other_images
from ordered a
join ordered b on a.place > b.place
where not exists (
    from split_part p
    where p.part = a.split and p.whole = b.split or p.part = b.split and p.whole = a.split
)
