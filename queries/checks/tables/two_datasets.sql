-- What image_in_two_datasets.py asks. `near_edge` holds pairs of hashes both ways, `compared` the ids of the
-- datasets that this one is compared with.

-- name: others
-- The other datasets, and how much of each one's annotation files stand in the other, byte for byte.
with
files as (
    select distinct dataset_id, content_hash from source_file where content_hash is not null and bytes > 2
),
sizes as (
    select dataset_id, count(*) as files from files group by dataset_id
),
same as (
    select b.dataset_id, count(*) as files
    from files a
    join files b using (content_hash)
    where a.dataset_id = $dataset and b.dataset_id <> $dataset
    group by b.dataset_id
)
select
    d.dataset_id, d.name, d.root, coalesce(same.files, 0) as same_files,
    coalesce(theirs.files, 0) as their_files, coalesce(ours.files, 0) as our_files
from dataset d
left join same using (dataset_id)
left join sizes theirs on theirs.dataset_id = d.dataset_id
left join sizes ours on ours.dataset_id = $dataset
where d.dataset_id <> $dataset
order by d.dataset_id;

-- name: hashes
-- For each hash whether it occurs in this dataset, and whether in others.
select
    f.phash,
    case when i.dataset_id = $dataset then 'this' else 'other' end as side,
    count(*) as images
from image i
join image_fact f using (image_id)
where f.phash is not null and not coalesce(f.contrast < $contrast, false)
    and (i.dataset_id = $dataset or i.dataset_id in (from compared))
group by all;

-- name: names
-- `name` is the file's, without folders, ending and COCO 2014's prefix. It is telling by itself where it is a
-- UUID or a long hash (`unique_name`), or has letters and eight digits that are no leading zeros, as no counter
-- has; 000000000785 could be anybody's.
create or replace temp table named as
with
bare as (
    select
        image_id, dataset_id, split, key, width, height,
        regexp_replace(
            regexp_replace(
                regexp_extract(key, '[^/\\]*$'), '\.(jpe?g|png|bmp|webp|tiff?|gif)$', '', 'i'
            ),
            '^COCO_(train|val|test)20[0-9][0-9]_', ''
        ) as name
    from image
    where dataset_id = $dataset or dataset_id in (from compared)
),
shared as (
    select name
    from bare
    group by name
    -- a name that one dataset repeats is no name
    having count(distinct dataset_id) > 1 and count(*) <= 50
        and count(*) filter (dataset_id = $dataset) between 1 and 5
)
select
    b.*,
    regexp_matches(name, '[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}')
        or regexp_matches(name, '[0-9a-fA-F]{20}') and regexp_matches(name, '[a-fA-F]')
        as unique_name,
    unique_name
        or regexp_matches(name, '[A-Za-z]')
            and list_sum(
                list_transform(regexp_extract_all(name, '[0-9]+'), lambda d: length(ltrim(d, '0')))
            ) >= 8
        as telling
from bare b
semi join shared using (name);

-- name: findings
with
by_name as (
    select
        a.image_id, b.image_id as twin, b.dataset_id,
        a.width = b.width and a.height = b.height as same_size,
        -- pictures of two sizes are two, but for one that was scaled and kept its unique name
        a.telling and case
            when a.unique_name then abs(a.width::double * b.height - b.width::double * a.height)
                > 0.02 * a.width::double * b.height is distinct from true
            else same_size is distinct from false
        end as telling,
        a.width || ' x ' || a.height as size
    from named a
    join named b using (name)
    where a.dataset_id = $dataset and b.dataset_id <> $dataset
),
-- names that say little: boxes that agree within two pixels make an image the same, where its size is the
-- same
boxes as (
    select distinct n.image_id, n.twin
    from by_name n
    join annotation_px x on x.image_id = n.image_id
    join annotation_px y on y.image_id = n.twin
    where not n.telling and n.same_size and x.w > 0 and x.h > 0
        and greatest(abs(x.x - y.x), abs(x.y - y.y), abs(x.w - y.w), abs(x.h - y.h)) <= 2
        and x.w * x.h < 0.9 * n.size.split_part(' ', 1)::double * n.size.split_part(' ', 3)::double
),
-- and so do names that agree with their sizes again and again: one is chance, twenty are not
agreeing as (
    select dataset_id
    from by_name
    where same_size is not null
    group by dataset_id
    having count(*) >= 20 and avg(same_size::integer) >= 0.9 and count(distinct size) >= 5
),
files as (
    select i.image_id, i.dataset_id, f.sha256, f.phash, coalesce(f.contrast < $contrast, false) as blank
    from image i
    join image_fact f using (image_id)
    where i.dataset_id = $dataset or i.dataset_id in (from compared)
),
by_bytes as (
    select a.image_id, min(b.image_id) as twin, b.dataset_id
    from files a
    join files b on b.sha256 = a.sha256 and b.dataset_id <> $dataset
    where a.dataset_id = $dataset
    group by a.image_id, b.dataset_id
),
hash_seen as (
    select phash, dataset_id, min(image_id) as image_id
    from files
    where dataset_id <> $dataset and not blank
    group by phash, dataset_id
),
by_hash as (
    select a.image_id, min_by(b.image_id, e.distance) as twin, b.dataset_id, min(e.distance) as distance
    from (from files where dataset_id = $dataset and not blank) a
    join near_edge e on e.a = a.phash
    join hash_seen b on b.phash = e.b
    group by a.image_id, b.dataset_id
),
way as (
    select
        n.image_id, n.twin, n.dataset_id, 2 as rank, null as distance,
        case
            when x.image_id is not null then 'name, size and boxes'
            when n.same_size then 'name and size'
            else 'name'
        end as what
    from by_name n
    left join boxes x using (image_id, twin)
    left join image_fact f on f.image_id = n.image_id
    left join image_fact g on g.image_id = n.twin
    -- pictures that are at hand and differ are two pictures, whatever they are called
    where coalesce(bit_count(xor(f.phash, g.phash)) <= $different, true)
        and (n.telling or x.image_id is not null or n.same_size and n.dataset_id in (from agreeing))
    union all
    select image_id, twin, dataset_id, 1, 0, 'bytes' from by_bytes
    union all
    select image_id, twin, dataset_id, 3, distance, 'looks' from by_hash
),
best as (
    select
        image_id, dataset_id, min_by(twin, (rank, twin)) as twin, min(distance) as distance,
        string_agg(distinct what, ', ' order by what) as what
    from way
    group by image_id, dataset_id
)
select
    b.image_id,
    d.name as about,
    -- trained on there and tested on here, or the other way round, is what spoils a comparison
    case
        when i.split = 'unsplit' or o.split = 'unsplit' then 0.8
        when (i.split like 'train%') <> (o.split like 'train%') then 1
        else 0.6
    end as score,
    'this ' || i.split || ' image is in ' || d.name || ' too (' || o.split || ', ' || o.key || '): the same '
        || b.what || case when b.what = 'looks' then ', ' || b.distance || ' of 64 bits apart' else '' end
        as detail,
    json_object('dataset', d.name, 'split', o.split, 'key', o.key, 'same', b.what, 'distance', b.distance)
        as evidence
from best b
join image i on i.image_id = b.image_id
join image o on o.image_id = b.twin
join dataset d on d.dataset_id = b.dataset_id;
