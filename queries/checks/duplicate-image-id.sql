-- title: An image id is used twice in a file
-- category: records
-- severity: warning
-- why: Of images that share an id, loaders keep the first or the last: where these differ in file or size,
--   annotations land on another picture, and where they do not, the image counts twice.
-- fix: Keep one entry an image; where two images share the id, give one of them, and its annotations, a new
--   one.
-- of: records
-- needs: coco
-- uses: located_problem
--
select image_id, annotation_id, joint, about, detail, evidence
from located_problem
where kind = 'duplicate-image-id'
