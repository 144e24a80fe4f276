-- What near_duplicate_in_two_splits.py asks. `near_edge` holds pairs of hashes both ways, and each with
-- itself.

-- name: hashes
-- Images with a hash; a picture that is nearly one colour has one that says nothing.
select
    f.phash,
    i.split,
    count(*) as images,
    coalesce(f.contrast < $contrast, false) as blank
from image i
join image_fact f using (image_id)
where i.dataset_id = $dataset and f.phash is not null and i.split in (from compared_split)
group by all;

-- name: findings
-- Few images are near others: they are picked out first, or joins by split would pair all with all.
with
img as materialized (
    select i.image_id, i.split, i.key, f.phash
    from image i
    join image_fact f using (image_id)
    where i.dataset_id = $dataset and f.phash in (select a from near_edge)
        and not coalesce(f.contrast < $contrast, false)
),
-- one image for all of the same hash in a split
seen as materialized (
    select phash, split, min(image_id) as image_id, min_by(key, image_id) as key
    from img
    group by phash, split
),
near as materialized (
    select e.a, e.distance, o.split, o.key from near_edge e join seen o on o.phash = e.b
),
hit as (
    select a.image_id, p.other, p.place, min_by(n.key, n.distance) as key, min(n.distance) as distance
    from img a
    join near n on n.a = a.phash
    join split_pair p on p.split = a.split and p.other = n.split
    -- the same key in both is image-in-two-splits' business
    where n.key <> a.key
    group by a.image_id, p.other, p.place
)
select
    image_id,
    string_agg(other, ' and ' order by place) as about,
    1 - min(distance) / 16 as score,
    'its perceptual hash differs in ' || string_agg(
        distance || if(distance = 1, ' bit', ' bits') || ' of 64 from that of ' || other || ' image ' || key,
        ' and in ' order by place
    ) as detail,
    json_object(
        'elsewhere', list({'split': other, 'key': key, 'distance': distance} order by place)
    ) as evidence
from hit
group by image_id;
