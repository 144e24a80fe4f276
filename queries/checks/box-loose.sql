-- title: The box is much larger than its joints' extent
-- category: keypoints
-- severity: info
-- why: In a crop of the box the body or hand is small beside what the class has elsewhere, at a scale that
--   inference does not show; OKS, which is scaled by the box's area, forgives errors there.
-- fix: Draw the box closer, or label the joints that are missing. A box around several people or hands is one
--   too many.
-- of: poses
-- needs: keypoints boxes
-- uses: instance pose stray
-- judged: select sum(fit) filter (where fit >= $poses), sum(n) from (select count(*) as n,
--   count_if(boxed and points >= greatest(5, $labelled * joints) and greatest((x1 - x0) * fx, (y1 - y0) * fy)
--   > $collapsed * greatest(w * fx, h * fy)) as fit
--   from pose join instance using (annotation_id) where points > 0 and not crowd group by label, skeleton)
-- unjudged: they have no usable box, too few of their joints are labelled, or their class has fewer than
--   $poses that have both
-- param extent = 0.6: a box is loose where the joints take less than this share both of its width and of its
--   height
-- param z = -3.5: and where the logarithm of the larger of the two shares has a robust z (0.6745 (r - median)
--   / MAD) below this among the poses of its class and skeleton
-- param poses = 30: classes with fewer such poses are not judged
-- param labelled = 0.5: judged are poses with at least this share of the skeleton's joints, and five: of a
--   figure that is partly hidden few joints are labelled, and its box is honestly larger
-- param collapsed = 0.02: less than this share of the larger side is keypoints-collapsed's business
--
with
judged as (
    select
        i.image_id, i.annotation_id, i.label, i.skeleton, p.points, p.joints,
        (p.x1 - p.x0) / i.w as across,
        (p.y1 - p.y0) / i.h as down,
        greatest((p.x1 - p.x0) / i.w, (p.y1 - p.y0) / i.h) as extent
    from pose p
    join instance i using (annotation_id)
    where i.boxed and not i.crowd and p.points >= greatest(5, $labelled * p.joints)
        and greatest((p.x1 - p.x0) * i.fx, (p.y1 - p.y0) * i.fy)
            > $collapsed * greatest(i.w * i.fx, i.h * i.fy)
),
class as (
    -- where boxes were made from the joints all shares are the same: a spread below 5 % is no measure
    select
        label, skeleton, count(*) as n, median(ln(extent)) as middle,
        greatest(mad(ln(extent)), 0.05) as spread
    from judged
    group by label, skeleton
)
select
    j.image_id,
    j.annotation_id,
    greatest(0.01, 1 - j.extent) as score,
    j.points || format(' joints take {:.0f} % of the box''s width and ', 100 * across)
        || format('{:.0f} % of its height', 100 * down)
        || format('; the larger share is {:.0f} % in the median', 100 * exp(c.middle))
        || coalesce(' of ' || j.label, '') as detail,
    json_object(
        'width_share', round(across, 4), 'height_share', round(down, 4), 'labelled', j.points,
        'median', round(exp(c.middle), 4), 'z', round(0.6745 * (ln(j.extent) - c.middle) / c.spread, 2),
        'of', c.n
    ) as evidence
from judged j
join class c on c.label is not distinct from j.label and c.skeleton = j.skeleton
where j.extent < $extent and c.n >= $poses and 0.6745 * (ln(j.extent) - c.middle) / c.spread < $z
    and j.annotation_id not in (select annotation_id from stray where lost)
