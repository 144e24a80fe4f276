-- Where in the image do boxes have their centres? Counts on a grid; pixels need the image's size.
with
placed as (
    select
        case d.unit when 'normalized' then a.x + a.w / 2 else (a.x + a.w / 2) / s.width end as centre_x,
        case d.unit when 'normalized' then a.y + a.h / 2 else (a.y + a.h / 2) / s.height end as centre_y
    from selected_box($f) a
    join dataset d using (dataset_id)
    left join (
        from image_size where exists (
            from dataset where dataset_id = struct_extract($f, 'dataset') and unit = 'pixel'
        )
    ) s using (image_id)
),
celled as (
    select
        case
            when centre_x is null or centre_y is null then 'unknown'
            when centre_x between 0 and 1 and centre_y between 0 and 1 then 'inside'
            else 'outside'
        end as place,
        case when place = 'inside' then least(floor(centre_x * $cells), $cells - 1)::integer end as cell_x,
        case when place = 'inside' then least(floor(centre_y * $cells), $cells - 1)::integer end as cell_y
    from placed
)
select place, cell_x, cell_y, count(*) as boxes
from celled
group by all
order by all
