-- How many boxes have no finite, positive size, and so are in no distribution?
select
    count(*) as boxes,
    count(*) filter (not coalesce(w > 0 and h > 0 and isfinite(w) and isfinite(h), false)) as unusable
from selected_box($f)
