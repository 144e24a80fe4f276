-- Which images have this key? More than one only where a key is in several splits.
select image_id, split
from image
where dataset_id = $dataset and key = $key
order by image_id
