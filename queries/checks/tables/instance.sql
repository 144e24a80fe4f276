-- The dataset's instances, with what checks need to compare lengths: `fx`, `fy` take x and y from the
-- dataset's unit into the frame in which lengths in all directions compare (pixels where the image's size is
-- known); `in_pixels` is false where there is no such frame and shares of width and height have to do.
-- `frame_w`, `frame_h` are the image's size in the dataset's unit, NULL where it is not known.
create or replace table instance as
select
    a.annotation_id,
    a.image_id,
    a.source_id,
    a.ordinal,
    a.label,
    a.skeleton,
    a.x,
    a.y,
    a.w,
    a.h,
    a.area,
    a.crowd,
    a.labelled,
    a.visible,
    a.handedness,
    a.attributes,
    i.key,
    i.split,
    i.subject,
    s.width,
    s.height,
    case when d.unit = 'normalized' then coalesce(s.width, 1) else 1 end::double as fx,
    case when d.unit = 'normalized' then coalesce(s.height, 1) else 1 end::double as fy,
    d.unit = 'pixel' or (s.width is not null and s.height is not null) as in_pixels,
    case when d.unit = 'normalized' then 1 else s.width end::double as frame_w,
    case when d.unit = 'normalized' then 1 else s.height end::double as frame_h,
    coalesce(
        a.w > 0 and a.h > 0 and isfinite(a.x) and isfinite(a.y) and isfinite(a.w) and isfinite(a.h), false
    ) as boxed
from annotation a
join dataset d using (dataset_id)
join image i using (image_id)
left join image_size s using (image_id)
where a.dataset_id = $dataset and a.kind = 'instance'
