-- title: The joints' names do not fit the joints
-- category: skeleton
-- severity: warning
-- why: Joints are known by their names: with a wrong list, left and right or whole limbs are taken for one
--   another in flips, in evaluation and when datasets are merged.
-- fix: Put the names in the order in which the numbers stand, each name once.
-- of: skeletons
-- uses: located_problem
--
select image_id, annotation_id, joint, about, detail, evidence
from located_problem
where kind = 'skeleton-names'
