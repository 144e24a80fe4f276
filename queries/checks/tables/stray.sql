-- The labelled joints that are outside their annotation's box: `gap` is the distance to the box in shares of
-- the box's larger side, in the frame; up to 0.02 is nobody's business. Joints at (0, 0) are left out: they
-- are not set at all (keypoint-at-origin). `lost` marks annotations with more than half of their joints
-- outside by a tenth of that side, at least three: keypoints-far-from-box lists those as a whole, and the
-- checks of single joints leave them to it. A crowd's box is of many, and its joints of one: crowds are left
-- out.
-- uses: instance pose
create or replace table stray as
with
-- the extent of the joints tells whether any is outside: only those annotations are looked at again
cut as (
    select
        annotation_id, image_id, label, skeleton, points, x, y, x + w as x_end, y + h as y_end,
        fx / side as sx, fy / side as sy
    from (
        select
            i.annotation_id, i.image_id, i.label, i.skeleton, i.x, i.y, i.w, i.h, i.fx, i.fy,
            p.points - p.at_origin as points, p.x0, p.x1, p.y0, p.y1, greatest(i.w * i.fx, i.h * i.fy) as side
        from pose p
        join instance i using (annotation_id)
        where i.boxed and not i.crowd and p.points > p.at_origin
    )
    where greatest(x - x0, x1 - x - w) * fx > 0.01 * side or greatest(y - y0, y1 - y - h) * fy > 0.01 * side
),
placed as (
    select
        c.annotation_id, k.joint, k.x, k.y, k.visibility,
        sqrt(
            (greatest(c.x - k.x, k.x - c.x_end, 0) * c.sx) ** 2
            + (greatest(c.y - k.y, k.y - c.y_end, 0) * c.sy) ** 2
        ) as gap
    from keypoint k
    join cut c using (annotation_id)
    where k.annotation_id > $dataset::bigint * 1000000000
        and k.annotation_id < ($dataset::bigint + 1) * 1000000000
        and coalesce(k.visibility, 1) > 0 and isfinite(k.x) and isfinite(k.y) and not (k.x = 0 and k.y = 0)
),
outside as (
    select * from placed where gap > 0.02
),
counted as (
    select annotation_id, count_if(gap > 0.1) as far from outside group by annotation_id
)
select
    c.image_id, o.annotation_id, c.label, c.skeleton, c.points, o.joint, o.x, o.y, o.visibility, o.gap,
    n.far > greatest(0.5 * c.points, 2) as lost
from outside o
join counted n using (annotation_id)
join cut c using (annotation_id)
