-- How many of everything that datasets publish does each split hold, and (split NULL) the whole dataset?
with
images as (
    select split, count(*) as images, count(distinct subject) as subjects
    from image
    where dataset_id = $dataset
    group by grouping sets ((split), ())
),
annotations as (
    select
        i.split,
        count(*) as annotations,
        count(*) filter (a.labelled > 0) as keypoint_instances,
        count(*) filter (a.label = 'no_gesture') as no_gesture_boxes,
        count(*) filter (a.label is distinct from 'no_gesture') as gesture_boxes
    from annotation a
    join image i using (image_id)
    where a.dataset_id = $dataset and a.kind = 'instance'
    group by grouping sets ((i.split), ())
)
select
    i.split,
    i.images,
    i.subjects,
    coalesce(a.annotations, 0) as annotations,
    coalesce(a.keypoint_instances, 0) as keypoint_instances,
    coalesce(a.gesture_boxes, 0) as gesture_boxes,
    coalesce(a.no_gesture_boxes, 0) as no_gesture_boxes
from images i
left join annotations a on a.split is not distinct from i.split
order by i.split nulls last
