-- title: A coordinate is not a finite number
-- category: records
-- severity: error
-- why: One NaN or infinity in a batch makes its loss NaN and, with it, every weight of the model; JSON
--   itself has no such numbers, so that strict loaders refuse the file.
-- fix: Annotate the point or the box again, or mark it as not labelled.
-- of: records
-- uses: located_problem
--
select image_id, annotation_id, joint, about, detail, evidence
from located_problem
where kind = 'non-finite-coordinate'
