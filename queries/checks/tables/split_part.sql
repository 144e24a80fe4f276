-- Splits that are copies of others on purpose: HaGRID v1's subsample of all it has, COCO's minival of val,
-- trainval of train and val. One row a pair; images of which nothing says a split are in none.
create or replace table split_part as
with
named as (
    select distinct split, replace(lower(split), '_', '') as name
    from image
    where dataset_id = $dataset and split <> 'unsplit'
)
select a.split as part, b.split as whole
from named a
join named b on a.split <> b.split
where a.split = 'subsample'
    or b.name = 'trainval' and a.name in ('train', 'val', 'minival')
    or a.name = 'minival' and b.name like 'val%'
