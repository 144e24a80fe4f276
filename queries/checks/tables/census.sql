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
        count(race) as raced
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
            where skeleton in (select skeleton from annotation where dataset_id = $dataset)) as boned
)
select
    dim.format, dim.unit, dim.visibility_recorded, dim.subjects_recorded, img.*, facts.*, inst.*, skel.*, more.*
from dim, img, facts, inst, skel, more
