-- uses: split_part
-- Why no two splits can be compared, in one row: which splits there are, and which of them is a part of which.
-- Only to be shown where `split_pair` is empty.
create or replace table split_words as
with
here as (
    select
        list(distinct split order by split) filter (split <> 'unsplit') as named,
        count(*) filter (split = 'unsplit') as unsplit
    from image
    where dataset_id = $dataset
),
parts as (
    select string_agg(part || ' is a part of ' || whole, ', ' order by whole, part) as told from split_part
)
select
    case
        when named is null then 'nothing says which split an image is in'
        when len(named) = 1 and unsplit = 0 then 'all images are in one split, ' || named[1]
        when len(named) = 1
            then format('all images are in one split, {}, or in none ({:,} of them)', named[1], unsplit)
        else 'no two splits can be compared: ' || parts.told
            || case when unsplit > 0 then format('; {:,} images are in no split', unsplit) else '' end
    end as why
from here, parts
