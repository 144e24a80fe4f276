-- How many labelled keypoints of each joint lie outside their image, where its size is known?
with
chosen as (
    select
        a.annotation_id,
        a.labelled,
        case d.unit when 'normalized' then 1.0 else s.width end as frame_width,
        case d.unit when 'normalized' then 1.0 else s.height end as frame_height
    from selected_box($f) a
    join dataset d using (dataset_id)
    left join (
        from image_size where exists (
            from dataset where dataset_id = struct_extract($f, 'dataset') and unit = 'pixel'
        )
    ) s using (image_id)
    where a.skeleton = $skeleton and a.labelled > 0
),
suspects as (
    -- Whatever the unit, what is within the unit square is within the image: nearly all normalized ones.
    select annotation_id, joint, x, y
    from keypoint
    where (visibility is null or visibility > 0) and (x < 0 or y < 0 or x > 1 or y > 1)
),
counted as (
    select k.joint, count(*) as outside
    from suspects k
    join chosen c using (annotation_id)
    where k.x < 0 or k.y < 0 or k.x > c.frame_width or k.y > c.frame_height
    group by k.joint
)
select
    j.joint,
    j.name,
    coalesce(c.outside, 0) as outside,
    (select coalesce(sum(labelled), 0)::bigint from chosen) as labelled,
    (
        select coalesce(sum(labelled), 0)::bigint
        from chosen
        where frame_width is not null and frame_height is not null
    ) as known
from joint j
left join counted c using (joint)
where j.skeleton = $skeleton
order by j.joint
