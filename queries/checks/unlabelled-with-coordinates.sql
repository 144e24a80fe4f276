-- title: Joints are marked as not labelled, but have coordinates
-- category: keypoints
-- severity: warning
-- why: COCO writes a joint that is not labelled as 0, 0, 0. Either the flag is wrong and a good joint is lost
--   for training, or the place is a guess, and code that looks at coordinates alone learns it.
-- fix: Set the flag to 1 or 2 where the place is right, and the place to 0, 0 where it is not. Some datasets
--   keep guesses there on purpose: then one finding says so, and your loader has to mind the flags.
-- of: annotations
-- needs: skeletons visibility
-- uses: instance pose
-- param convention = 0.5: where more than this share of a skeleton's annotations with unlabelled joints have
--   coordinates there
-- param few = 20: and at least so many of them, it is the dataset's way: one finding for all, instead of one
--   for each
--
with
ghost as (
    select i.image_id, i.annotation_id, coalesce(i.skeleton, '') as skeleton, p.ghosts, p.unlabelled, p.joints
    from pose p
    join instance i using (annotation_id)
    where p.unlabelled > 0
),
way as (
    select
        skeleton, count(*) as n, count_if(ghosts > 0) as having_ghosts, sum(ghosts) as ghosts,
        count_if(ghosts > 0) > $convention * count(*) and count_if(ghosts > 0) >= $few as is_way
    from ghost
    group by skeleton
),
listed as (
    select
        g.image_id, g.annotation_id, any_value(g.unlabelled) as unlabelled,
        list(k.joint order by k.joint) as joints,
        list(coalesce(j.name, k.joint::varchar) order by k.joint) as names,
        list(json_array(k.x, k.y) order by k.joint) as places
    from ghost g
    join way w on w.skeleton = g.skeleton and not w.is_way
    join keypoint k on k.annotation_id = g.annotation_id
    left join joint j on j.skeleton = g.skeleton and j.joint = k.joint
    where g.ghosts > 0
        and k.annotation_id > $dataset::bigint * 1000000000
        and k.annotation_id < ($dataset::bigint + 1) * 1000000000
        and k.visibility = 0 and (coalesce(k.x, 0) <> 0 or coalesce(k.y, 0) <> 0)
    group by g.image_id, g.annotation_id
)
select
    image_id,
    annotation_id,
    case when len(joints) = 1 then joints[1] end as joint,
    null::varchar as about,
    1.0 as score,
    case when len(joints) = 1
        then format('joint {} ({}) is marked as not labelled, but has coordinates', joints[1], names[1])
        else format('{} of {} joints marked as not labelled have coordinates: ', len(joints), unlabelled)
            || array_to_string(names[:6], ', ') || if(len(names) > 6, ', ...', '')
    end as detail,
    json_object('joints', joints, 'places', places) as evidence
from listed
union all by name
select
    skeleton as about,
    0.3 as score,
    format('{} of {} annotations keep coordinates for joints marked as not labelled, ', having_ghosts, n)
        || ghosts || ' joints in all: it seems to be the way of this dataset' as detail,
    json_object('annotations', having_ghosts, 'of', n, 'joints', ghosts) as evidence,
    having_ghosts as records
from way
where is_way
