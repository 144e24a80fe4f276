-- title: A width or height is below 0
-- category: boxes
-- severity: error
-- why: Corners in the wrong order or a failed conversion: the box holds nothing, IoU with it is negative or
--   not a number, and so is the loss. An image of no size can't be cropped or normalized.
-- fix: Exchange the corners where the box was drawn from its lower right, or draw it again; correct an
--   image's size from its file.
-- of: boxes
-- uses: located_problem
--
select image_id, annotation_id, joint, about, detail, evidence
from located_problem
where kind = 'negative-size'
