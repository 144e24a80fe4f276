-- Coordinates in the other unit, where the image's size is known, and NULL where it is not.
-- The annotation file's size wins over the measured one: it is what its pixels refer to.

create view image_size as
select
    i.image_id,
    coalesce(i.width, f.width) as width,
    coalesce(i.height, f.height) as height
from image i
left join image_fact f using (image_id);

create view annotation_px as
select
    a.* exclude (x, y, w, h),
    case d.unit when 'pixel' then a.x else a.x * s.width end as x,
    case d.unit when 'pixel' then a.y else a.y * s.height end as y,
    case d.unit when 'pixel' then a.w else a.w * s.width end as w,
    case d.unit when 'pixel' then a.h else a.h * s.height end as h
from annotation a
join dataset d using (dataset_id)
left join image_size s using (image_id);

create view annotation_norm as
select
    a.* exclude (x, y, w, h),
    case d.unit when 'normalized' then a.x else a.x / s.width end as x,
    case d.unit when 'normalized' then a.y else a.y / s.height end as y,
    case d.unit when 'normalized' then a.w else a.w / s.width end as w,
    case d.unit when 'normalized' then a.h else a.h / s.height end as h
from annotation a
join dataset d using (dataset_id)
left join image_size s using (image_id);

create view keypoint_px as
select
    k.annotation_id,
    k.joint,
    case d.unit when 'pixel' then k.x else k.x * s.width end as x,
    case d.unit when 'pixel' then k.y else k.y * s.height end as y,
    k.visibility
from keypoint k
join annotation a using (annotation_id)
join dataset d using (dataset_id)
left join image_size s using (image_id);

create view keypoint_norm as
select
    k.annotation_id,
    k.joint,
    case d.unit when 'normalized' then k.x else k.x / s.width end as x,
    case d.unit when 'normalized' then k.y else k.y / s.height end as y,
    k.visibility
from keypoint k
join annotation a using (annotation_id)
join dataset d using (dataset_id)
left join image_size s using (image_id);
