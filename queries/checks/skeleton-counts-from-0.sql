-- title: The bones count joints from 0, COCO's from 1
-- category: skeleton
-- severity: warning
-- why: A program that takes COCO's word draws and measures every bone one joint off.
-- fix: Add 1 to both ends of every bone in the category's skeleton.
-- of: skeletons
-- uses: located_problem
--
select image_id, annotation_id, joint, about, detail, evidence
from located_problem
where kind = 'skeleton-counts-from-0'
