-- All that the index holds of an image, with the file that it is described in.
select i.*, f.path as file
from image i
left join source_file f on f.file_id = i.file_id and f.dataset_id = i.dataset_id
where i.image_id = $image
