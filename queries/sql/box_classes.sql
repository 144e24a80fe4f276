-- How large are the boxes of each class, in the dataset's unit?
with
measured as (
    select
        coalesce(label, 'no class') as label,
        count(*) as boxes,
        approx_quantile(w, 0.5) as width,
        approx_quantile(h, 0.5) as height,
        approx_quantile(w * h, [0.05, 0.5, 0.95]) as areas,
        approx_quantile(w / nullif(h, 0), 0.5) as aspect
    from selected_annotation($f)
    where isfinite(w) and isfinite(h)
    group by label
)
select label, boxes, width, height, areas[1] as area_p05, areas[2] as area, areas[3] as area_p95, aspect
from measured
order by boxes desc, label
