-- title: The same image, by its key, is in another split too
-- category: splits
-- severity: error
-- why: A model is tested on what it was trained on; the score is too good, by as much as there are such
--   images.
-- fix: Drop the image from one of the splits, as a rule from train, so that the test stays what it was.
-- of: images
-- needs: splits
-- uses: split_pair compared_split
-- judged: select count(*) filter (split in (from compared_split)), count(*) from image
--   where dataset_id = $dataset
-- unjudged: no split that can be compared with another holds them
-- param different = 10: two files of one name are other pictures where their perceptual hashes differ in more
--   bits than this
--
with
img as (
    select
        image_id, file_id, split, key, width, height,
        -- the number of a name that has no other digits: img_0001.jpg
        try_cast(nullif(regexp_extract(key, '^[^0-9]*([0-9]+)(\.[A-Za-z]+)?$', 1), '') as bigint) as number
    from image
    where dataset_id = $dataset
),
-- splits whose images are numbered one after the other: there the same name says nothing
numbered as (
    select split from img where number is not null group by split having max(number) <= 2 * count(*) + 10
),
twice as (
    select key from img group by key having count(distinct split) > 1
),
pair as (
    select
        a.image_id, b.image_id as twin, a.key, a.split, p.other, p.place, s.path as source,
        f.sha256 = g.sha256 as same_bytes,
        bit_count(xor(f.phash, g.phash)) as bits,
        a.number is not null and a.split in (from numbered) and b.split in (from numbered) as counter,
        a.width <> b.width or a.height <> b.height as other_size
    from (from img semi join twice using (key)) a
    join split_pair p on p.split = a.split
    join img b on b.key = a.key and b.split = p.other
    left join source_file s on s.file_id = b.file_id and s.dataset_id = $dataset
    left join image_fact f on f.image_id = a.image_id
    left join image_fact g on g.image_id = b.image_id
),
labelled_alike as (
    select distinct p.image_id, p.twin
    from pair p
    join annotation x on x.image_id = p.image_id
    join annotation y on y.image_id = p.twin and y.digest = x.digest
)
select
    p.image_id,
    string_agg(p.other, ' and ' order by p.place) as about,
    'the same image key stands in ' || any_value(p.split) || ' and also in '
        || string_agg(coalesce(p.source, p.other), ' and ' order by p.place) as detail,
    json_object(
        'elsewhere', list({'split': p.other, 'file': p.source, 'same_bytes': p.same_bytes} order by p.place)
    ) as evidence
from pair p
left join labelled_alike l using (image_id, twin)
where coalesce(p.same_bytes, false)
    -- files that are at hand decide; else sizes, and where names only count, an annotation that is the same
    or (coalesce(p.bits, 0) <= $different
        and not coalesce(p.other_size, false)
        and (not p.counter or l.twin is not null or coalesce(p.bits <= 4, false)))
group by p.image_id
