-- How many boxes are small, medium and large by COCO's limits (32² and 96² pixels)?
with
sized as (
    select
        a.split,
        case d.unit
            when 'pixel' then a.w * a.h
            -- as image_size has it: what the annotation file says wins over what was measured
            else a.w * a.h * coalesce(a.width, m.width) * coalesce(a.height, m.height)
        end as box_area,
        case d.unit when 'pixel' then a.area end as source_area
    from selected_annotation($f) a
    join dataset d using (dataset_id)
    left join image_fact m on d.unit = 'normalized' and m.image_id = a.image_id
),
named as (
    select
        split,
        coco_size(box_area) as by_box,
        coco_size(source_area) as by_source
    from sized
)
select split, by_box, by_source, count(*) as boxes
from named
group by all
order by all
