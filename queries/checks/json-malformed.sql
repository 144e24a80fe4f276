-- title: The file is not valid JSON
-- category: records
-- severity: error
-- why: Most loaders refuse the whole file; a tolerant one goes on with the records around the bad stretch
--   and loses those in it without a word.
-- fix: Go to the byte that is named, mend or drop the record there, or write the file again from its
--   source.
-- of: files
-- uses: located_problem
--
select image_id, annotation_id, joint, about, detail, evidence
from located_problem
where kind = 'json-malformed'
