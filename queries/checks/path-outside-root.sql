-- title: A path leads out of the dataset's folder
-- category: records
-- severity: error
-- why: What it points to is not part of the dataset, and is not read: on another machine the path names
--   something else or nothing, and a dataset from elsewhere must not reach into this disk.
-- fix: Move the files below the dataset's folder and write the path relative to it.
-- of: records
-- uses: located_problem
--
select image_id, annotation_id, joint, about, detail, evidence
from located_problem
where kind = 'path-outside-root'
