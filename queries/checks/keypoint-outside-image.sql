-- title: A joint is outside the image
-- category: keypoints
-- severity: warning
-- why: A heatmap has no place for it and drops it or learns the border instead; Ultralytics refuses the whole
--   label file; cropping and normalizing turn it into coordinates below 0 or above 1. Where a detector
--   predicted the joints, those beyond the border are its guesses.
-- fix: Move the joint into the image where it can be seen, or mark it as not labelled; where most joints are
--   out, see whether the annotation belongs to another image or the image's size is wrong.
-- of: keypoints
-- needs: keypoints frame
-- uses: instance pose
-- param pixels = 1: how far outside a joint may be, in pixels. Coordinates up to the width and height are
--   inside, as in COCO.
-- param share = 0.002: the same where the image's size is not known, in shares of its width and height
--
with
-- the extent of the joints tells whether any is outside: only those annotations are looked at again
beyond as (
    select
        i.*,
        case when i.in_pixels then $pixels else $share end as slack,
        case
            when i.boxed then greatest(i.w * i.fx, i.h * i.fy)
            else greatest(i.frame_w * i.fx, i.frame_h * i.fy)
        end as side
    from pose p
    join instance i using (annotation_id)
    where not (p.x0 >= 0 and p.y0 >= 0 and p.x1 <= i.frame_w and p.y1 <= i.frame_h)
),
placed as (
    select
        b.image_id, b.annotation_id, b.skeleton, b.in_pixels, b.slack, b.side, b.width, b.height,
        k.joint, k.x, k.y, k.visibility,
        greatest(-k.x, k.x - b.frame_w, 0) * b.fx as across,
        greatest(-k.y, k.y - b.frame_h, 0) * b.fy as down
    from beyond b
    join keypoint k using (annotation_id)
    where k.annotation_id > $dataset::bigint * 1000000000
        and k.annotation_id < ($dataset::bigint + 1) * 1000000000
        and coalesce(k.visibility, 1) > 0 and isfinite(k.x) and isfinite(k.y)
)
select
    p.image_id,
    p.annotation_id,
    p.joint,
    least(1, 0.5 + 0.5 * greatest(across, down) / side) as score,
    'joint ' || p.joint || coalesce(' (' || j.name || ')', '') || ' is '
        || case
            when in_pixels then format('{:.1f} pixels', greatest(across, down))
            else format('{:.3f} of the image''s ', greatest(across, down))
                || if(across >= down, 'width', 'height')
        end
        || case
            when across >= down then if(p.x < 0, ' left of', ' right of') else if(p.y < 0, ' above', ' below')
        end
        || ' the image' as detail,
    json_object(
        'x', p.x, 'y', p.y, 'visibility', p.visibility, 'width', p.width, 'height', p.height,
        'pixels', in_pixels
    ) as evidence
from placed p
left join joint j on j.skeleton = p.skeleton and j.joint = p.joint
where across > slack or down > slack
