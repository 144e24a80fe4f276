-- title: Lists that go together differ in length
-- category: records
-- severity: error
-- why: Labels, boxes and landmarks belong together by their place in the list: one too few, and it is open
--   which hand has which label.
-- fix: Look at the image and complete the shorter list, or remove the entry too many.
-- of: records
-- needs: lists
-- uses: located_problem
--
select image_id, annotation_id, joint, about, detail, evidence
from located_problem
where kind = 'length-mismatch'
