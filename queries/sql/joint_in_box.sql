-- Where in its box does a joint lie? Counts on a grid from a quarter box left of it to a quarter right.
with
chosen as (
    select annotation_id, x, y, w, h
    from selected_box($f)
    where skeleton = $skeleton and labelled > 0 and w > 0 and h > 0
),
placed as (
    select
        floor((k.x - c.x) / c.w * $cells)::integer as cell_x,
        floor((k.y - c.y) / c.h * $cells)::integer as cell_y
    from chosen c
    join keypoint k using (annotation_id)
    where k.joint = $joint
        and (k.visibility is null or k.visibility > 0)
        and (k.x - c.x) / c.w between -100 and 100
        and (k.y - c.y) / c.h between -100 and 100
)
select
    cell_x between -($cells // 4) and $cells + $cells // 4 - 1
        and cell_y between -($cells // 4) and $cells + $cells // 4 - 1 as near,
    case when near then cell_x end as cell_x,
    case when near then cell_y end as cell_y,
    count(*) as keypoints
from placed
group by all
order by all
