-- title: The image is far darker than the others
-- category: images
-- severity: info
-- why: Joints in the dark were placed by guess, and a model is told that the guess is right.
-- fix: Look at it, brightened; drop it where the hand or the person can't be made out.
-- of: images
-- needs: hashed
-- judged: select case when n >= $least then n else plain end, decoded from (select count(*) as decoded,
--   count_if(isfinite(f.brightness)) as n, count_if(f.brightness < $black) as plain
--   from image i join image_fact f using (image_id)
--   where i.dataset_id = $dataset and f.error is null and f.brightness is not null)
-- unjudged: fewer than $least images do not tell what is usual; what is black is listed all the
--   same
-- budget: 200
-- param z = 5: robust standard deviations below the median brightness
-- param bright = 0.2: above this mean luma (0 to 1) no image is called dark
-- param black = 0.02: below it one always is
-- param least = 30: images that are needed to tell what is usual
--
with
img as (
    -- in logits: near 0 a little light is a great difference
    select i.image_id, f.brightness, ln(c / (1 - c)) as v
    from image i
    join image_fact f using (image_id)
    cross join lateral (select least(greatest(f.brightness, 0.002), 0.998) as c) k
    where i.dataset_id = $dataset and isfinite(f.brightness) and f.error is null
),
middle as (
    select median(v) as med, median(brightness) as usual, count(*) as n from img
),
spread as (
    select greatest(median(abs(v - med)) / 0.6745, 0.2) as s from img, middle
),
scored as (
    select image_id, brightness, (v - med) / s as z, usual, n from img, middle, spread
)
select
    image_id,
    case when n >= $least then 1 - 1 / (1 + greatest(-z, 0) / 10) else 0.5 end as score,
    format('mean brightness {:.1f} %, the median image has {:.1f} %', brightness * 100, usual * 100)
        || case when n >= $least then format(': {:.1f} robust standard deviations below', -z) else '' end
        as detail,
    json_object('brightness', brightness, 'median', usual, 'z', z) as evidence
from scored
where brightness < $black or (n >= $least and z < -$z and brightness < $bright)
