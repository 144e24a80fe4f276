-- title: The image is far more blurred than the others
-- category: images
-- severity: info
-- why: Joints that nobody could see sharp were placed by guess, and a model is told that the guess is right.
-- fix: Look at it; drop it where the hand or the person can't be made out.
-- of: images
-- needs: hashed
-- judged: select case when n >= $least then n else plain end, decoded from (select count(*) as decoded,
--   count_if(isfinite(f.blur)) as n, count_if(f.blur < $blank) as plain
--   from image i join image_fact f using (image_id)
--   where i.dataset_id = $dataset and f.error is null and f.brightness is not null)
-- unjudged: fewer than $least images do not tell what is usual; what is all of one colour is listed all the
--   same
-- budget: 200
-- param z = 5: robust standard deviations below the median of the logarithm of the sharpness
-- param sharp = 60: above this sharpness (variance of the Laplacian at 256 pixels) no image is called blurred
-- param blank = 2: below it one always is
-- param least = 30: images that are needed to tell what is usual
--
with
img as (
    select i.image_id, f.blur, ln(greatest(f.blur, 1e-3)) as v
    from image i
    join image_fact f using (image_id)
    where i.dataset_id = $dataset and isfinite(f.blur) and f.error is null
),
middle as (
    select median(v) as med, count(*) as n from img
),
-- a set of pictures that are all alike is not believed to vary less than this
spread as (
    select greatest(median(abs(v - med)) / 0.6745, 0.2) as s from img, middle
),
scored as (
    select image_id, blur, (v - med) / s as z, exp(med) as usual, n from img, middle, spread
)
select
    image_id,
    case when n >= $least then 1 - 1 / (1 + greatest(-z, 0) / 10) else 0.5 end as score,
    format('sharpness {:.3g}, the median image has {:.3g}', blur, usual)
        || case when n >= $least then format(': {:.1f} robust standard deviations below', -z) else '' end
        as detail,
    json_object('sharpness', blur, 'median', usual, 'z', z) as evidence
from scored
where blur < $blank or (n >= $least and z < -$z and blur < $sharp)
