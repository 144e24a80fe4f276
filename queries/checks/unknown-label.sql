-- title: The label is none of the dataset's classes
-- category: records
-- severity: error
-- why: A misspelt class becomes a class of its own, or stops the loader: the sample is lost to the class
--   that was meant.
-- fix: Correct the spelling, or declare the class.
-- of: records
-- uses: located_problem
--
select image_id, annotation_id, joint, about, detail, evidence
from located_problem
where kind = 'unknown-label'
