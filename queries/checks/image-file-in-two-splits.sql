-- title: The image file, byte for byte, is in another split under another key
-- category: splits
-- severity: error
-- why: A model is tested on the very pixels it was trained on, and no comparison of names shows it.
-- fix: Drop one of the two, as a rule the one in train, and see which of the two annotations is right.
-- of: images
-- needs: hashed splits
-- uses: split_pair compared_split
-- judged: select count(f.sha256) filter (i.split in (from compared_split)), count(*) from image i
--   left join image_fact f using (image_id) where i.dataset_id = $dataset
-- unjudged: their files were not read whole, or no split that can be compared with another holds them
--
with
file as (
    select i.image_id, i.split, i.key, f.sha256, f.bytes
    from image i
    join image_fact f using (image_id)
    where i.dataset_id = $dataset and f.sha256 is not null
),
-- one image for all of the same bytes in a split
seen as (
    select sha256, split, min(image_id) as image_id, min_by(key, image_id) as key, count(*) as images
    from file
    group by sha256, split
),
shared as (
    select sha256 from seen group by sha256 having count(*) > 1
)
select
    a.image_id,
    string_agg(p.other, ' and ' order by p.place) as about,
    'the file has the same ' || format('{:,} bytes as ', any_value(a.bytes))
        || string_agg(p.other || ' image ' || o.key, ' and ' order by p.place) as detail,
    json_object(
        'sha256', any_value(a.sha256), 'elsewhere',
        list({'split': p.other, 'key': o.key, 'images': o.images} order by p.place)
    ) as evidence
from file a
semi join shared using (sha256)
join split_pair p on p.split = a.split
-- the same key in both is image-in-two-splits' business
join seen o on o.sha256 = a.sha256 and o.split = p.other and o.key <> a.key
group by a.image_id
