-- How many instances and images does each class have in each split?
with
shown as (
    -- an image is in one split: what is counted once an image is put together before splits are looked up
    select label, image_id, count(*) as instances, count(*) filter (labelled > 0) as with_keypoints
    from selected_box($f)
    group by label, image_id
)
select
    coalesce(s.label, 'no class') as label,
    i.split,
    sum(s.instances)::bigint as instances,
    count(*) as images,
    sum(s.with_keypoints)::bigint as with_keypoints
from shown s
join image i using (image_id)
group by s.label, i.split
order by s.label, i.split
