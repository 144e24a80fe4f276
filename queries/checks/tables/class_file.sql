-- HaGRID's files that are named after a class: one for all classes is named after a split, or anything. The
-- reader tells the classes apart (dataset.classes): a gesture of HaGRID's, or what labels something.
create or replace table class_file as
select file_id, path, regexp_extract(path, '([^/]*)\.json$', 1) as class
from source_file
where dataset_id = $dataset
    and class in (select unnest(classes) from dataset where dataset_id = $dataset)
