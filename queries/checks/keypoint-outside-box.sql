-- title: A joint is far outside its box
-- category: keypoints
-- severity: warning
-- why: Top-down training crops the box: the joint is cut off, or is a target that the crop does not show. One
--   joint far from the rest is mostly a slip of the hand, or another person's.
-- fix: Look at the joint: move it, mark it as not labelled, or draw the box around the whole body or hand.
-- of: poses
-- needs: keypoints boxes
-- uses: instance pose stray
-- judged: select count(*) filter (where boxed and points > at_origin), count(*)
--   from pose join instance using (annotation_id) where points > 0 and not crowd
-- unjudged: they have no usable box, or no joint but at (0, 0)
-- param far = 0.25: how far outside a joint may be, in shares of the box's larger side. Left to other checks
--   are joints at (0, 0) (keypoint-at-origin) and annotations with most joints outside
--   (keypoints-far-from-box).
-- param occluded = 0.5: the same for joints flagged as occluded (1). Boxes of the visible outline, as COCO's,
--   honestly leave hidden legs outside; where they are several, box-cuts-keypoints lists the annotation.
-- param joints = 3: where more joints of an annotation than that are concerned, one finding names them all
-- param convention = 0.5: where more than this share of a skeleton's annotations is concerned
-- param few = 20: and at least so many of them, it is the dataset's way: one finding for all, instead of one
--   for each
--
with
far as (
    select *, coalesce(skeleton, '') as own, count(*) over (partition by annotation_id) as n
    from stray
    where gap > if(visibility = 1, greatest($far, $occluded), $far) and not lost
),
posed as (
    select coalesce(i.skeleton, '') as own, count(*) as n
    from pose p
    join instance i using (annotation_id)
    where i.boxed and not i.crowd and p.points > p.at_origin
    group by own
),
way as (
    select
        own, any_value(p.n) as n, count(distinct annotation_id) as having_some, count(*) as joints,
        count(distinct annotation_id) > $convention * any_value(p.n)
            and count(distinct annotation_id) >= $few as is_way
    from far
    join posed p using (own)
    group by own
),
placed as (
    select f.*, j.name
    from far f
    join way w on w.own = f.own and not w.is_way
    left join joint j on j.skeleton = f.skeleton and j.joint = f.joint
)
select
    image_id,
    annotation_id,
    joint,
    null::varchar as about,
    least(1, gap) as score,
    'joint ' || joint || coalesce(' (' || name || if(visibility = 1, ', occluded)', ')'), '')
        || format(' is {:.2f} of the box''s larger side outside the box', gap) as detail,
    json_object('x', x, 'y', y, 'visibility', visibility, 'gap', round(gap, 4)) as evidence
from placed
where n <= $joints
union all by name
select
    image_id,
    annotation_id,
    least(1, max(gap)) as score,
    count(*) || ' of ' || any_value(points) || ' joints are far outside the box ('
        || array_to_string(list(coalesce(name, joint::varchar) order by joint)[:6], ', ')
        || if(count(*) > 6, ', ...', '')
        || format('), the furthest by {:.2f} of its larger side', max(gap)) as detail,
    json_object(
        'joints', list(joint order by joint), 'labelled', any_value(points),
        'gaps', list(round(gap, 4) order by joint)
    ) as evidence
from placed
where n > $joints
group by image_id, annotation_id
union all by name
select
    own as about,
    1 as score,
    format('{:,} of {:,} annotations have joints far outside their boxes, ', having_some, n)
        || format('{:,} joints in all: boxes and joints seem to be of two scales, or of two things', joints)
        as detail,
    json_object('annotations', having_some, 'of', n, 'joints', joints) as evidence,
    having_some as records
from way
where is_way
