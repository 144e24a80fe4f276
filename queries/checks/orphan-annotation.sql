-- title: The annotation's image is not in the file
-- category: records
-- severity: error
-- why: The annotation can't be shown or trained on: pycocotools and most loaders stop with a key error or
--   leave it out silently.
-- fix: Add the image to the file's list, correct image_id, or drop the annotation.
-- of: records
-- needs: coco
-- uses: located_problem
--
select image_id, annotation_id, joint, about, detail, evidence
from located_problem
where kind = 'orphan-annotation'
