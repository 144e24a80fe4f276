-- title: The record is not what its format calls a record
-- category: records
-- severity: error
-- why: Nothing or only a part of it could be read: its boxes and keypoints are missing from training and
--   from every count.
-- fix: Write the record again as its format describes it, or drop it.
-- of: records
-- uses: located_problem
--
select image_id, annotation_id, joint, about, detail, evidence
from located_problem
where kind = 'record-malformed'
