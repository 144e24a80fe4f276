-- title: A joint is outside the image
-- category: keypoints
-- severity: warning
-- why: A heatmap has no place for it and drops it or learns the border instead; Ultralytics refuses the whole
--   label file; cropping and normalizing turn it into coordinates below 0 or above 1. Where a detector
--   predicted the joints, those beyond the border are its guesses.
-- fix: Move the joint into the image where it can be seen, or mark it as not labelled; where most joints are
--   out, see whether the annotation belongs to another image or the image's size is wrong.
-- of: poses
-- needs: keypoints
-- uses: instance pose
-- judged: select count(*) filter (where frame_w is not null and frame_h is not null or x0 < 0 or y0 < 0),
--   count(*) from pose join instance using (annotation_id) where points > 0 and not crowd
-- unjudged: their images' sizes are not known, which kpaudit measure reads off the images; without them only
--   what is out on the left or above is found
-- param pixels = 1: how far outside a joint may be, in pixels. Coordinates up to the width and height are
--   inside, as in COCO.
-- param share = 0.002: the same where the image's size is not known, in shares of its width and height
-- param joints = 3: where more joints of an annotation than that are concerned, one finding names them all
-- param convention = 0.5: where more than this share of a skeleton's annotations is concerned
-- param few = 20: and at least so many of them, it is the dataset's way: one finding for all, instead of one
--   for each
--
with
-- the extent of the joints tells whether any is outside: only those annotations are looked at again
posed as (
    select
        i.image_id, i.annotation_id, i.skeleton, coalesce(i.skeleton, '') as own, i.in_pixels,
        i.width, i.height, i.frame_w, i.frame_h, i.fx, i.fy, p.points,
        case when i.in_pixels then $pixels else $share end as slack,
        case
            when i.boxed then greatest(i.w * i.fx, i.h * i.fy)
            else greatest(i.frame_w * i.fx, i.frame_h * i.fy)
        end as side,
        -- greatest leaves NULL out: of an image without a size the left and the upper edge are known
        greatest(
            greatest(-p.x0, p.x1 - i.frame_w) * i.fx, greatest(-p.y0, p.y1 - i.frame_h) * i.fy
        ) > slack as concerned
    from pose p
    join instance i using (annotation_id)
    where p.points > 0 and not i.crowd
),
way as (
    select
        own, count(*) as n, count_if(concerned) as having_some,
        count_if(concerned) > $convention * count(*) and count_if(concerned) >= $few as is_way
    from posed
    group by own
),
measured as (
    select
        p.*, k.joint, k.x, k.y, k.visibility,
        greatest(-k.x, k.x - p.frame_w, 0) * p.fx as across,
        greatest(-k.y, k.y - p.frame_h, 0) * p.fy as down
    from posed p
    join way w on w.own = p.own and not w.is_way
    join keypoint k using (annotation_id)
    where p.concerned
        and k.annotation_id > $dataset::bigint * 1000000000
        and k.annotation_id < ($dataset::bigint + 1) * 1000000000
        and coalesce(k.visibility, 1) > 0 and isfinite(k.x) and isfinite(k.y)
),
placed as (
    select
        m.*, j.name, greatest(m.across, m.down) as far, count(*) over (partition by m.annotation_id) as n,
        -- without a box and without a size there is nothing to compare it with
        case
            when m.side is null then 0.5 else least(1, 0.5 + 0.5 * greatest(m.across, m.down) / m.side)
        end as badness,
        case
            when in_pixels then format('{:.1f} pixels', greatest(across, down))
            else format('{:.3f} of the image''s ', greatest(across, down))
                || if(across >= down, 'width', 'height')
        end || case
            when across >= down then if(m.x < 0, ' left of', ' right of') else if(m.y < 0, ' above', ' below')
        end as place
    from measured m
    left join joint j on j.skeleton = m.skeleton and j.joint = m.joint
    where across > slack or down > slack
)
select
    image_id,
    annotation_id,
    joint,
    null::varchar as about,
    badness as score,
    'joint ' || joint || coalesce(' (' || name || ')', '') || ' is ' || place || ' the image' as detail,
    json_object(
        'x', x, 'y', y, 'visibility', visibility, 'width', width, 'height', height, 'pixels', in_pixels
    ) as evidence
from placed
where n <= $joints
union all by name
select
    image_id,
    annotation_id,
    max(badness) as score,
    count(*) || ' of ' || any_value(points) || ' joints are outside the image ('
        || array_to_string(list(coalesce(name, joint::varchar) order by joint)[:6], ', ')
        || if(count(*) > 6, ', ...', '') || '), the furthest ' || max_by(place, far) || ' it' as detail,
    json_object(
        'joints', list(joint order by joint), 'labelled', any_value(points),
        'places', list(json_array(x, y) order by joint),
        'width', any_value(width), 'height', any_value(height), 'pixels', any_value(in_pixels)
    ) as evidence
from placed
where n > $joints
group by image_id, annotation_id
union all by name
select
    own as about,
    1 as score,
    format('{:,} of {:,} annotations have joints outside the image', having_some, n)
        || ': the joints seem to be of another scale, or of other images' as detail,
    json_object('annotations', having_some, 'of', n) as evidence,
    having_some as records
from way
where is_way
