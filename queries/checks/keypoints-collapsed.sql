-- title: Joints are collapsed onto one spot
-- category: keypoints
-- severity: error
-- why: A body or hand whose joints share a place is no pose: it is what failed detections, converters and
--   default values leave behind, and it teaches a network to predict the middle.
-- fix: Label the joints again, or mark them as not labelled.
-- of: poses
-- needs: keypoints
-- uses: instance pose
-- param share = 0.5: which share of the labelled joints, and at least three of them, has to be on one spot
-- param near = 0.01: how large a spot is: its radius in shares of the box's larger side, at most 0.02
-- param extent = 0.02: or how small the extent of all is, in shares of the box's larger side. Joints at (0,
--   0) do not count: keypoint-at-origin has them. Where there is no box, a spot is the very same place.
--
with
-- so few cells are occupied only where joints crowd; a spot of 2 % lies in four cells of 4 % at most
crowded as (
    select
        i.image_id, i.annotation_id, i.fx, i.fy, p.points - p.at_origin as points,
        case when i.boxed then greatest(i.w * i.fx, i.h * i.fy) end as side
    from pose p
    join instance i using (annotation_id)
    where not i.crowd and p.points - p.at_origin >= 3
        and p.cells <= p.points - ceil($share * (p.points - p.at_origin)) + 5
),
placed as (
    select c.*, k.joint, k.x * c.fx as x, k.y * c.fy as y
    from crowded c
    join keypoint k using (annotation_id)
    where k.annotation_id > $dataset::bigint * 1000000000
        and k.annotation_id < ($dataset::bigint + 1) * 1000000000
        and coalesce(k.visibility, 1) > 0 and isfinite(k.x) and isfinite(k.y) and not (k.x = 0 and k.y = 0)
),
near as (
    -- how many joints are near each joint, itself included
    select a.annotation_id, a.joint, count(*) as n, list(b.joint order by b.joint) as joints
    from placed a
    join placed b on b.annotation_id = a.annotation_id
        and sqrt((a.x - b.x) ** 2 + (a.y - b.y) ** 2) <= coalesce($near * a.side, 0)
    group by a.annotation_id, a.joint
),
spot as (
    select annotation_id, max(n) as n, max_by(joints, n) as joints from near group by annotation_id
),
size as (
    select
        image_id, annotation_id, any_value(points) as points, any_value(side) as side,
        greatest(max(x) - min(x), max(y) - min(y)) as extent
    from placed
    group by image_id, annotation_id
)
select
    z.image_id,
    z.annotation_id,
    case
        when s.n = z.points or z.extent < coalesce($extent * z.side, 0) then 1 else s.n / z.points
    end as score,
    case
        when s.n = z.points then 'all ' || z.points || ' joints are on one spot'
        when z.extent < coalesce($extent * z.side, 0)
            then 'all ' || z.points
                || format(' joints lie within {:.2f} % of the box''s larger side', 100 * z.extent / z.side)
        else s.n || ' of ' || z.points || ' joints are on one spot'
    end as detail,
    json_object(
        'on_one_spot', s.n, 'labelled', z.points, 'extent', round(z.extent / z.side, 5), 'joints', s.joints
    ) as evidence
from size z
join spot s using (annotation_id)
where s.n >= greatest(3, $share * z.points) or z.extent < coalesce($extent * z.side, 0)
