-- title: The number of keypoints is not the skeleton's
-- category: records
-- severity: error
-- why: Which number is which joint can't be told: the keypoints are not read, and a loader that cuts or
--   pads the list shifts every joint after the gap.
-- fix: Write all joints of the skeleton in its order, those that are not labelled too; where the whole file
--   is concerned, say which skeleton it has with --skeleton.
-- of: records
-- uses: located_problem
--
select image_id, annotation_id, joint, about, detail, evidence
from located_problem
where kind = 'wrong-joint-count'
