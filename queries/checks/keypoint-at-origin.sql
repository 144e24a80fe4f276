-- title: A labelled joint is at (0, 0)
-- category: keypoints
-- severity: error
-- why: (0, 0) is how a joint without a place is written. Called visible, or without a flag that says
--   otherwise, it is learnt as a joint in the image's corner, and box sizes and normalized poses are
--   distorted by it.
-- fix: Mark the joint as not labelled (visibility 0), or give it its place.
-- of: keypoints
-- needs: keypoints
-- uses: instance pose
--
select
    i.image_id,
    i.annotation_id,
    k.joint,
    1 as score,
    'joint ' || k.joint || coalesce(' (' || j.name || ')', '') || ' is at (0, 0), '
        || coalesce('its flag is ' || k.visibility, 'and no flag says that it is not labelled') as detail,
    json_object('visibility', k.visibility, 'at_origin', p.at_origin, 'labelled', p.points)
        as evidence
from pose p
join instance i using (annotation_id)
join keypoint k using (annotation_id)
left join joint j on j.skeleton = i.skeleton and j.joint = k.joint
where p.at_origin > 0 and (p.at_origin < p.points or p.points = 1)
    and k.annotation_id > $dataset::bigint * 1000000000
    and k.annotation_id < ($dataset::bigint + 1) * 1000000000
    and k.x = 0 and k.y = 0 and coalesce(k.visibility, 1) > 0
union all by name
-- nothing is gained by naming each joint where it is all of them
select
    i.image_id,
    i.annotation_id,
    1 as score,
    'all ' || p.points || ' labelled joints are at (0, 0)' as detail,
    json_object('at_origin', p.at_origin, 'labelled', p.points) as evidence
from pose p
join instance i using (annotation_id)
where p.at_origin = p.points and p.points > 1
