-- uses: compared_split
-- How many instances of each class each of the splits has that can be compared.
create or replace table class_split as
select a.label, i.split, count(*) as n
from annotation a
join image i using (image_id)
where a.dataset_id = $dataset and a.kind = 'instance' and a.label is not null
    and i.split in (from compared_split)
group by a.label, i.split
