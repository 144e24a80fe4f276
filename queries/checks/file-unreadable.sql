-- title: An annotation file or folder can't be read
-- category: records
-- severity: error
-- why: Everything in it is missing from the dataset: counts, splits and every other check are of the rest
--   alone, and a training run leaves it out as silently.
-- fix: Fetch the file again or mend its permissions and its type, then index again.
-- of: files
-- uses: located_problem
--
select image_id, annotation_id, joint, about, detail, evidence
from located_problem
where kind = 'file-unreadable'
