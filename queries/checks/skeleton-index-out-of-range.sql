-- title: A bone or a flip map points to a joint that does not exist
-- category: skeleton
-- severity: error
-- why: The bone list or the flip map was made for another skeleton: programs that draw or mirror by it
--   stop, or use the wrong joints.
-- fix: Write the bones and the flip map for these joints; kpaudit skeletons shows those of the known
--   skeletons.
-- of: skeletons
-- uses: located_problem
--
select image_id, annotation_id, joint, about, detail, evidence
from located_problem
where kind = 'skeleton-index-out-of-range'
