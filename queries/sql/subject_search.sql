-- Which subjects' ids contain a text, those with the most images first?
select subject, count(*) as images
from image
where dataset_id = $dataset and subject is not null and contains(lower(subject), lower($text))
group by subject
order by images desc, subject
limit $limit
