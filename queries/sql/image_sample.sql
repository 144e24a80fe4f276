-- A few images, spread over the dataset, to see whether their files can be found.
select key, file_name
from image
where dataset_id = $dataset
order by hash(image_id)
limit $limit
