-- title: The box has no area
-- category: boxes
-- severity: error
-- why: A box without width or height holds nothing: a detector's loss on it is undefined, crops of it
--   fail, and IoU with it is 0 or not a number.
-- fix: Draw the box again, or drop the annotation.
-- of: boxes
-- needs: boxes
-- uses: instance
--
select
    image_id,
    annotation_id,
    1 as score,
    'the box is ' || format('{:.6g} by {:.6g}', w, h) || ', a box has a width and a height above 0' as detail,
    json_object('x', x, 'y', y, 'w', w, 'h', h) as evidence
from instance
-- a box that is not given at all, or holds no number, has been reported while reading; a size below 0 is
-- negative-size
where isfinite(w) and isfinite(h) and w >= 0 and h >= 0 and (w = 0 or h = 0)
