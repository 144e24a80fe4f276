-- How many images have no box, one, two, …?
with
counted as (
    select image_id, count(*) as boxes
    from selected_box($f)
    group by image_id
)
select i.split, coalesce(c.boxes, 0) as boxes, count(*) as images
from selected_image($f) i
left join counted c using (image_id)
group by all
order by all
