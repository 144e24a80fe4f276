-- title: The box cuts off several joints
-- category: keypoints
-- severity: info
-- why: A crop of the box shows less of the body or hand than the keypoints describe, and a detector learns to
--   cut people short. Boxes around the visible outline do that honestly where the joints outside are
--   occluded.
-- fix: Draw the box around the joints; or, where boxes are meant to hold what is visible, switch this
--   check off (enabled = false in kpaudit.toml).
-- of: poses
-- needs: keypoints boxes
-- uses: instance pose stray
-- judged: select count(*) filter (where boxed and points > at_origin), count(*)
--   from pose join instance using (annotation_id) where points > 0 and not crowd
-- unjudged: they have no usable box, or no joint but at (0, 0)
-- param joints = 3: how many joints have to be outside
-- param gap = 0.05: by how much each, in shares of the box's larger side
-- param share = 0.2: and which share of the labelled joints they are. Annotations with most of their joints
--   outside are left to keypoints-far-from-box; joints far outside are listed by keypoint-outside-box as
--   well.
--
select
    image_id,
    annotation_id,
    least(1, 0.5 * count(*) / any_value(points) + 0.5 * least(1, 2 * avg(gap)))
        * if(bool_and(coalesce(visibility, 2) = 1), 0.7, 1) as score,
    count(*) || ' of ' || any_value(points) || ' joints are outside the box'
        || if(bool_and(coalesce(visibility, 2) = 1), ', all of them occluded', '')
        || format(', the furthest by {:.2f} of its larger side', max(gap)) as detail,
    json_object(
        'outside', count(*), 'labelled', any_value(points), 'mean_gap', round(avg(gap), 4),
        'largest_gap', round(max(gap), 4), 'joints', list(joint order by joint)
    ) as evidence
from stray
where gap > $gap and not lost
group by image_id, annotation_id
having count(*) >= $joints and count(*) >= $share * any_value(points)
