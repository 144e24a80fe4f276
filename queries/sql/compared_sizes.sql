-- How many boxes have a size, and of how many of them is the image's size known, to convert it?
select
    count(*) as boxes,
    count(*) filter (a.w > 0 and a.h > 0 and isfinite(a.w) and isfinite(a.h)) as usable,
    count(*) filter (
        a.w > 0 and a.h > 0 and isfinite(a.w) and isfinite(a.h) and s.width > 0 and s.height > 0
    ) as sized
from selected_annotation($f) a
left join image_size s using (image_id)
