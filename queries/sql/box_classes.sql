-- How large are the boxes of each class, in the dataset's unit?
with
measured as (
    select
        coalesce(label, 'no class') as label,
        count(*) as boxes,
        quantile_cont(w, 0.5) as width,
        quantile_cont(h, 0.5) as height,
        quantile_cont(w * h, [0.05, 0.5, 0.95]) as areas,
        quantile_cont(w / nullif(h, 0), 0.5) as aspect
    from selected_box($f)
    where isfinite(w) and isfinite(h)
    group by label
)
select label, boxes, width, height, areas[1] as area_p05, areas[2] as area, areas[3] as area_p95, aspect
from measured
order by boxes desc, label
