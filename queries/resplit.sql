-- What resplit.py reads of one dataset: the images by key, so that the order of the source's rows and files, which
-- their ids follow, makes no difference.

-- name: images
select i.image_id, i.key, i.subject, i.split, f.sha256, f.phash
from image i
left join image_fact f using (image_id)
where i.dataset_id = $dataset
order by i.key, i.split, i.image_id;

-- name: labels
-- How many instances of each class each image has.
select a.image_id, a.label, count(*) as instances
from annotation a
where a.dataset_id = $dataset and a.kind = 'instance' and a.label is not null
group by all
order by a.image_id, a.label;

-- name: gender
select image_id, coalesce(gender, 'not recorded') as value from image where dataset_id = $dataset order by image_id;

-- name: race
select image_id, coalesce(race, 'not recorded') as value from image where dataset_id = $dataset order by image_id;

-- name: age
select image_id, age_band(age) as value from image where dataset_id = $dataset order by image_id;
