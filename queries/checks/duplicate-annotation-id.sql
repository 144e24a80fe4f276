-- title: An annotation id is used twice in a file
-- category: records
-- severity: error
-- why: Loaders that index by id, pycocotools among them, keep one of the two annotations: a person is
--   missing from training and evaluation.
-- fix: Give the later annotation an id of its own, or drop it where it repeats the first.
-- of: records
-- needs: coco
-- uses: located_problem
--
select image_id, annotation_id, joint, about, detail, evidence
from located_problem
where kind = 'duplicate-annotation-id'
