-- uses: gesture_hands split_pair split_words
-- What the dataset has, in one row: on it hangs which checks apply, and of how many records a rate is.
create or replace table census as
with
dim as (select * from dataset where dataset_id = $dataset),
img as (
    select
        count(*) as images,
        count(distinct split) as splits,
        count(distinct subject) as subjects,
        count(age) as aged,
        count(gender) as gendered,
        count(race) as raced,
        count(coalesce(gender, race)) as described,
        -- HaGRID before v2 says which hand leads
        count(*) filter (where json_exists(attributes, '$.leading_hand')) as led
    from image
    where dataset_id = $dataset
),
facts as (
    select
        count(f.image_id) as measured,
        count(f.phash) as hashed,
        count(f.brightness) as decoded,
        count(f.sha256) as read_whole,
        count(coalesce(i.width, f.width)) as sized
    from image i
    left join image_fact f using (image_id)
    where i.dataset_id = $dataset
),
inst as (
    select
        count(*) as annotations,
        count(*) filter (where w is not null) as boxes,
        count(*) filter (where skeleton is not null) as skeletal,
        count(area) as areas,
        count(*) filter (where labelled > 0) as poses,
        coalesce(sum(labelled), 0)::bigint as keypoints,
        count(distinct label) as classes,
        count(handedness) as handed
    from annotation
    where dataset_id = $dataset and kind = 'instance'
),
skel as (
    select
        count(distinct skeleton) as skeletons,
        count(distinct skeleton) filter (joint <> flip) as flipped,
        count(flip) as flips
    from joint
    where skeleton in (select skeleton from annotation where dataset_id = $dataset)
),
more as (
    select
        (select count(*) from annotation where dataset_id = $dataset and kind = 'united') as united_boxes,
        (select count(*) from source_file where dataset_id = $dataset and status <> 'skipped') as files,
        (select count(*) from dataset) as datasets,
        (select count(distinct skeleton) from bone
            where skeleton in (select skeleton from annotation where dataset_id = $dataset)) as boned,
        (select count(*) from (
            select image_id from annotation
            where dataset_id = $dataset and kind = 'instance' and w > 0 and h > 0
                and label in (select label from gesture_hands where hands = 2)
            group by image_id, label
            having count(*) > 1
        )) as paired,
        (select count(*) from split_pair) as split_pairs,
        (select why from split_words) as why_no_split_pair
)
select
    dim.format, dim.unit, dim.visibility_recorded, dim.subjects_recorded,
    -- only the reader knows: a number that agrees with the flags is not kept
    not coalesce(list_contains(dim.notes, 'no annotation gives num_keypoints'), false) as numbered,
    img.*, facts.*, inst.*, skel.*, more.*
from dim, img, facts, inst, skel, more
