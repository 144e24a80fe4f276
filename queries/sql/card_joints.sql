-- What are the joints of the skeletons that a dataset's annotations have, in order?
select skeleton, list(canonical order by joint) as joints
from joint
where skeleton in (
    select skeleton from annotation where dataset_id = $dataset and kind = 'instance'
)
group by skeleton
order by skeleton
