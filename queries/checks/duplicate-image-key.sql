-- title: An image is described twice in one split
-- category: records
-- severity: warning
-- why: The image weighs double in training and in scores, and where the two descriptions differ, one of
--   them is wrong: in HaGRID it stands in the files of two gestures.
-- fix: Keep the description that fits the picture and drop the other one.
-- of: records
-- uses: located_problem
--
select image_id, annotation_id, joint, about, detail, evidence
from located_problem
where kind = 'duplicate-image-key'
