-- Which skeletons do the selected annotations have, and how many of them have keypoints?
select
    skeleton,
    count(*) as annotations,
    count(*) filter (labelled > 0) as with_keypoints
from selected_box($f)
where skeleton is not null
group by skeleton
order by with_keypoints desc, skeleton
