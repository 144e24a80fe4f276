-- title: Much of the image is burnt out, far more than of the others
-- category: images
-- severity: info
-- why: White without any detail hides joints, which then were placed by guess.
-- fix: Look at it; drop it where the hand or the person can't be made out. Drawings and product photos on
--   white are meant so.
-- of: images
-- needs: hashed
-- judged: select case when n >= $least then n else plain end, decoded from (select count(*) as decoded,
--   count_if(isfinite(f.clipped)) as n, count_if(isfinite(f.clipped) and f.clipped > $white) as plain
--   from image i join image_fact f using (image_id)
--   where i.dataset_id = $dataset and f.error is null and f.brightness is not null)
-- unjudged: fewer than $least images do not tell what is usual; what is white is listed all the
--   same
-- budget: 200
-- param z = 5: robust standard deviations above the median share of pixels at the upper end of the range
-- param share = 0.35: below this share of burnt pixels no image is called overexposed
-- param white = 0.97: above it one always is, unless the median image is so too
-- param least = 30: images that are needed to tell what is usual
--
with
img as (
    select i.image_id, f.clipped, f.brightness
    from image i
    join image_fact f using (image_id)
    where i.dataset_id = $dataset and isfinite(f.clipped) and f.error is null
),
middle as (
    select median(clipped) as usual, count(*) as n from img
),
-- most photos have none, and a median deviation of 0 says nothing: at least 5 % is believed
spread as (
    select greatest(median(abs(clipped - usual)) / 0.6745, 0.05) as s from img, middle
),
scored as (
    select image_id, clipped, brightness, (clipped - usual) / s as z, usual, n from img, middle, spread
)
select
    image_id,
    clipped as score,
    format('{:.1f} % of the pixels are burnt out, of the median image {:.1f} %', clipped * 100, usual * 100)
        || case when n >= $least then format(': {:.1f} robust standard deviations above', z) else '' end
        as detail,
    json_object('clipped', clipped, 'brightness', brightness, 'median', usual, 'z', z) as evidence
from scored
where clipped > $white and usual < $share or (n >= $least and z > $z and clipped > $share)
