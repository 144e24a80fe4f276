-- How many instances, images and subjects does each class have in each split?
select
    coalesce(label, 'no class') as label,
    split,
    count(*) as instances,
    count(distinct image_id) as images,
    count(*) filter (labelled > 0) as with_keypoints
from selected_annotation($f)
group by label, split
order by label, split
