-- title: A labelled joint is at (0, 0)
-- category: keypoints
-- severity: error
-- why: (0, 0) is how a joint without a place is written. Called visible, or without a flag that says
--   otherwise, it is learnt as a joint in the image's corner, and box sizes and normalized poses are
--   distorted by it.
-- fix: Mark the joint as not labelled (visibility 0), or give it its place.
-- of: poses
-- needs: keypoints
-- uses: instance pose
-- param joints = 3: where more joints of an annotation than that are concerned, one finding names them all
-- param convention = 0.5: where more than this share of a skeleton's annotations is concerned
-- param few = 20: and at least so many of them, it is the dataset's way: one finding for all, instead of one
--   for each
--
with
posed as (
    select
        i.image_id, i.annotation_id, coalesce(i.skeleton, '') as skeleton, p.at_origin, p.points,
        p.at_origin > 0 as concerned,
        p.at_origin > $joints or (p.at_origin = p.points and p.points > 1) as several
    from pose p
    join instance i using (annotation_id)
    where p.points > 0
),
way as (
    select
        skeleton, count(*) as n, count_if(concerned) as having_some, sum(at_origin) as joints,
        count_if(concerned) > $convention * count(*) and count_if(concerned) >= $few as is_way
    from posed
    group by skeleton
),
placed as (
    select p.*, k.joint, k.visibility, j.name
    from posed p
    join way w on w.skeleton = p.skeleton and not w.is_way
    join keypoint k using (annotation_id)
    left join joint j on j.skeleton = p.skeleton and j.joint = k.joint
    where p.concerned
        and k.annotation_id > $dataset::bigint * 1000000000
        and k.annotation_id < ($dataset::bigint + 1) * 1000000000
        and k.x = 0 and k.y = 0 and coalesce(k.visibility, 1) > 0
)
select
    image_id,
    annotation_id,
    joint,
    null::varchar as about,
    1 as score,
    'joint ' || joint || coalesce(' (' || name || ')', '') || ' is at (0, 0), '
        || coalesce('its flag is ' || visibility, 'and no flag says that it is not labelled') as detail,
    json_object('visibility', visibility, 'at_origin', at_origin, 'labelled', points) as evidence
from placed
where not several
union all by name
select
    image_id,
    annotation_id,
    1 as score,
    case
        when at_origin = points then 'all ' || points || ' labelled joints are at (0, 0)'
        else at_origin || ' of ' || points || ' labelled joints are at (0, 0): '
            || array_to_string(list(coalesce(name, joint::varchar) order by joint)[:6], ', ')
            || if(at_origin > 6, ', ...', '')
    end as detail,
    json_object(
        'joints', list(joint order by joint), 'at_origin', at_origin, 'labelled', points
    ) as evidence
from placed
where several
group by image_id, annotation_id, at_origin, points
union all by name
select
    skeleton as about,
    1 as score,
    format('{:,} of {:,} annotations have labelled joints at (0, 0), ', having_some, n)
        || format('{:,} joints in all: it seems to be how this dataset writes joints without a place', joints)
        as detail,
    json_object('annotations', having_some, 'of', n, 'joints', joints) as evidence,
    having_some as records
from way
where is_way
