-- title: The box covers nearly the whole image, unlike others of its class
-- category: boxes
-- severity: info
-- why: A box of the image's size is often a default that nobody has drawn over; what it says is that the
--   object is everywhere.
-- fix: Look at it: draw the box around the object, or let it be where the object does fill the image.
-- of: boxes
-- needs: boxes
-- uses: instance pose
-- judged: select sum(sized) filter (where sized >= $boxes), sum(n) from (select count(*) as n,
--   count(frame_w + frame_h) as sized from instance where boxed and not crowd group by label)
-- unjudged: their images' sizes are not known (kpaudit measure reads them off the images), or their
--   class has fewer than $boxes boxes
-- param share = 0.8: the least share of the image's area
-- param z = 3.5: how far its log share lies above its class's median, in robust standard deviations
-- param spread = 0.3: the least median absolute deviation of a class's log shares that counts
-- param filled = 0.4: a box is let be whose labelled joints extend over that share of its width and
--   height
-- param boxes = 30: classes with fewer boxes are not judged
-- budget: 500
--
with
box as (
    select *, w * h / (frame_w * frame_h) as share
    from instance
    where boxed and not crowd and frame_w is not null and frame_h is not null
),
usual as (
    select label, median(ln(share)) as middle, greatest(mad(ln(share)), $spread) as spread
    from box
    group by label
    having count(*) >= $boxes
)
select
    image_id,
    annotation_id,
    least(share, 1) as score,
    format('the box covers {:.0f} % of the image; half of the boxes of ', 100 * share)
        || coalesce(b.label, 'no class') || format(' cover less than {:.2g} %', 100 * exp(middle)) as detail,
    json_object(
        'share', share, 'median_share', exp(middle), 'z', 0.6745 * (ln(share) - middle) / spread
    ) as evidence
from box b
join usual u on u.label is not distinct from b.label
left join pose p using (annotation_id)
where share >= $share
    and 0.6745 * (ln(share) - middle) / spread > $z
    -- a hand held into the lens fills the image honestly, and its joints say so
    and not coalesce(points > 1 and x1 - x0 >= $filled * w and y1 - y0 >= $filled * h, false)
