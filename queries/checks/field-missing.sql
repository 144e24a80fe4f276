-- title: A field that the format requires is missing
-- category: records
-- severity: warning
-- why: What the field says is unknown for this record: without a subject a split can't be kept free of
--   leaks, without a box, a label or an image id the annotation is of no use.
-- fix: Fill in the field from the source of the annotations, or drop the record.
-- of: records
-- uses: located_problem
--
select image_id, annotation_id, joint, about, detail, evidence
from located_problem
where kind = 'field-missing'
