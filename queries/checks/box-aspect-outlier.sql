-- title: The box's shape is far from that of its class
-- category: boxes
-- severity: warning
-- why: A box several times too wide or too high was mostly dragged wrongly, or belongs to something else:
--   a detector learns edges that are not the object's.
-- fix: Draw the box again; keep it where the object really is that long, or hidden but for a slice.
-- of: boxes
-- needs: boxes
-- uses: instance pose
-- judged: select sum(n) filter (where n >= $boxes), sum(n) from (select count(*) as n
--   from instance where boxed and not crowd group by label, in_pixels)
-- unjudged: their class has fewer than $boxes boxes
-- param z = 6: how far the log of width by height lies from its class's median, in robust standard
--   deviations
-- param spread = 0.12: the least median absolute deviation of a class's log ratios that counts
-- param slack = 1.16: how much of the distance is not counted where the images' sizes are not known: 16:9
--   held upright or across changes the log of a ratio of shares by that much
-- param edge = 0.005: boxes are let be that come that near to the image's edge, as a share of its side
-- param side = 4: boxes with a side of fewer pixels are not judged: their shape is their rounding
-- param fits = 0.6: a box is let be whose labelled joints extend over that share of its width and of its
--   height
-- param boxes = 30: classes with fewer boxes are not judged
-- budget: 500
--
with
box as (
    select *, ln((w * fx) / (h * fy)) as ratio
    from instance
    where boxed and not crowd
),
middle as (
    select label, in_pixels, median(ratio) as usual, greatest(mad(ratio), $spread) as spread
    from box
    group by label, in_pixels
    having count(*) >= $boxes
),
judged as (
    select
        b.*, m.usual, m.spread,
        0.6745 * sign(ratio - usual)
            * greatest(abs(ratio - usual) - case when b.in_pixels then 0 else $slack end, 0) / spread as z
    from box b
    join middle m on m.label is not distinct from b.label and m.in_pixels = b.in_pixels
    where (not b.in_pixels or least(w * fx, h * fy) >= $side)
        -- what the image's edge cuts off has another shape, and honestly so
        and not coalesce(
            x <= $edge * frame_w or y <= $edge * frame_h
            or x + w >= (1 - $edge) * frame_w or y + h >= (1 - $edge) * frame_h,
            false
        )
)
select
    image_id,
    annotation_id,
    1 - $z / abs(z) * 0.9 as score,
    format('width by height is {:.2g}, of ', exp(ratio)) || coalesce(label, 'no class')
        || format(' it is mostly about {:.2g} (robust z {:.1f})', exp(usual), z)
        || case when in_pixels then '' else '; in shares of the image''s sides, as its size is not known' end
        as detail,
    json_object('ratio', exp(ratio), 'median', exp(usual), 'z', z, 'in_pixels', in_pixels) as evidence
from judged
left join pose p using (annotation_id)
where abs(z) > $z
    -- joints that reach as far as the box confirm it, however long it is
    and not coalesce(points > 2 and x1 - x0 >= $fits * w and y1 - y0 >= $fits * h, false)
