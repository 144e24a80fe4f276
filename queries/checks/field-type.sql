-- title: A field holds something else than its format says
-- category: records
-- severity: error
-- why: The value is lost, and counts as not given: text where a number belongs stops some loaders, and
--   others read it as zero.
-- fix: Write the value in the type that is named in the message, or null where it is not known.
-- of: records
-- uses: located_problem
--
select image_id, annotation_id, joint, about, detail, evidence
from located_problem
where kind = 'field-type'
