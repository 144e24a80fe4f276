-- title: The area is 0, or larger than the box
-- category: boxes
-- severity: warning
-- why: COCO's area is that of the object's outline, which its box holds: one of the two is of another
--   object or another scale. OKS divides by it, so that too large an area forgives errors and one of 0 lets
--   nothing be right; small, medium and large objects are told apart by it.
-- fix: Compute the area again from the segmentation, or, where there is none, from the box.
-- of: annotations
-- counted: areas
-- needs: area
-- uses: instance
-- param tolerance = 0.02: how much larger than the box's the area may be, as a share of the box's
-- param tolerance_px = 1: by how many pixels each side of the box may be rounded
--
select
    image_id,
    annotation_id,
    case when area > 0 then greatest(1 - w * h / area, 0.01) else 1 end as score,
    case
        when area = 0 then 'the area is 0'
        when area < 0 then format('the area is {:.6g}, below 0', area)
        else format(
            'the area is {:.6g}, {:.2f} times that of the box ({:.6g} by {:.6g})', area, area / (w * h), w, h
        )
    end
        || case when area <= 0 and boxed then format(', the box is {:.6g} by {:.6g}', w, h) else '' end
        as detail,
    json_object('area', area, 'box_area', w * h, 'times', case when boxed then area / (w * h) end) as evidence
from instance
-- an area of no number has been reported while reading, and is not compared
where isfinite(area) and (
    area <= 0
    or boxed
        and area > greatest(w * h * (1 + $tolerance), (w + $tolerance_px) * (h + $tolerance_px))
)
