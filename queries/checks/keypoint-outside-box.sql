-- title: A joint is far outside its box
-- category: keypoints
-- severity: warning
-- why: Top-down training crops the box: the joint is cut off, or is a target that the crop does not show. One
--   joint far from the rest is mostly a slip of the hand, or another person's.
-- fix: Look at the joint: move it, mark it as not labelled, or draw the box around the whole body or hand.
-- of: keypoints
-- needs: keypoints boxes
-- uses: instance pose stray
-- param far = 0.25: how far outside a joint may be, in shares of the box's larger side. Left to other checks
--   are joints at (0, 0) (keypoint-at-origin) and annotations with most joints outside
--   (keypoints-far-from-box).
-- param occluded = 0.5: the same for joints flagged as occluded (1). Boxes of the visible outline, as COCO's,
--   honestly leave hidden legs outside; where they are several, box-cuts-keypoints lists the annotation.
--
select
    s.image_id,
    s.annotation_id,
    s.joint,
    least(1, s.gap) as score,
    'joint ' || s.joint || coalesce(' (' || j.name || if(s.visibility = 1, ', occluded)', ')'), '')
        || format(' is {:.2f} of the box''s larger side outside the box', s.gap) as detail,
    json_object('x', s.x, 'y', s.y, 'visibility', s.visibility, 'gap', round(s.gap, 4)) as evidence
from stray s
left join joint j on j.skeleton = s.skeleton and j.joint = s.joint
where s.gap > if(s.visibility = 1, greatest($far, $occluded), $far) and not s.lost
